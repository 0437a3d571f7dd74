import type { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-common'
import { dtypes } from '../dtype.ts'
import { outputName } from '../onnx/lower.ts'
import { fromOrtType, ortTypes } from '../onnx/types.ts'
import type { Tensor } from '../tensor.ts'

/** The part of onnxruntime-node and onnxruntime-web that is used; both have it. */
export interface OrtModule {
  readonly InferenceSession: {
    create(model: Uint8Array, options?: InferenceSession.SessionOptions): Promise<InferenceSession>
  }
  readonly Tensor: new (type: string, data: unknown, dims: readonly number[]) => OrtTensor
}

/** A tensor, or the number of one that the host keeps. */
export type HostArgument = Tensor | { readonly resident: number }

export interface HostRun {
  readonly program: number
  readonly inputs: Readonly<Record<string, HostArgument>>
  /** Outputs to keep, under these resident numbers. */
  readonly keep: Readonly<Record<string, number>>
  readonly into: Readonly<Record<string, number>>
  readonly accumulate: Readonly<Record<string, number>>
  readonly outputs: readonly string[]
}

/** Sessions and resident tensors of one ONNX Runtime, addressed by number so that a thread boundary can lie between. */
export class OrtHost {
  readonly #ort: OrtModule
  readonly #options: InferenceSession.SessionOptions
  readonly #fillsOutputs: boolean
  readonly #sessions = new Map<number, InferenceSession>()
  readonly #scratches = new Map<string, OrtTensor>()
  readonly #residents = new Map<number, OrtTensor>()

  /** @param fillsOutputs whether the runtime writes into output tensors that are handed to it; the web build does not */
  constructor(
    ort: OrtModule,
    options: InferenceSession.SessionOptions,
    { fillsOutputs = true }: { fillsOutputs?: boolean } = {},
  ) {
    this.#ort = ort
    this.#options = options
    this.#fillsOutputs = fillsOutputs
  }

  async compile(program: number, model: Uint8Array): Promise<void> {
    this.#sessions.set(program, await this.#ort.InferenceSession.create(model, this.#options))
  }

  async run(request: HostRun): Promise<Record<string, Tensor>> {
    const session = this.#sessions.get(request.program)
    if (!session) throw new Error('this program is closed')
    const feeds: Record<string, OrtTensor> = {}
    for (const [name, value] of Object.entries(request.inputs)) feeds[name] = this.#argument(value)
    const fetches: Record<string, OrtTensor | null> = {}
    for (const name of request.outputs) {
      const target = request.into[name]
      const sum = request.accumulate[name]
      if (!this.#fillsOutputs) fetches[outputName(name)] = null
      else if (target !== undefined) fetches[outputName(name)] = this.#resident(target)
      else fetches[outputName(name)] = sum === undefined ? null : this.#scratch(this.#resident(sum).dims)
    }
    const results = await session.run(feeds, fetches)
    return this.#deliver(request, results)
  }

  /** One f32 buffer a shape for outputs that are only added to a sum: nothing to collect after each run. */
  #scratch(dims: readonly number[]): OrtTensor {
    const key = dims.join()
    const known = this.#scratches.get(key)
    if (known) return known
    const data = new Float32Array(dims.reduce((n, dim) => n * dim, 1))
    const made = new this.#ort.Tensor('float32', data, dims)
    this.#scratches.set(key, made)
    return made
  }

  upload(id: number, tensor: Tensor): void {
    this.#residents.set(id, this.#toOrt(tensor))
  }

  /** Copies: the resident stays as it is. */
  read(id: number): Tensor {
    const { dtype, shape, data } = fromOrt(this.#resident(id))
    return { dtype, shape, data: data.slice() }
  }

  release(id: number): void {
    this.#residents.delete(id)
  }

  async closeProgram(program: number): Promise<void> {
    await this.#sessions.get(program)?.release()
    this.#sessions.delete(program)
  }

  #deliver(request: HostRun, results: InferenceSession.OnnxValueMapType): Record<string, Tensor> {
    const out: Record<string, Tensor> = {}
    for (const name of request.outputs) {
      const value = results[outputName(name)] as OrtTensor
      const kept = request.keep[name]
      const sum = request.accumulate[name]
      const target = request.into[name]
      if (target !== undefined) this.#residents.set(target, value)
      else if (sum !== undefined) addInto(this.#resident(sum).data as Float64Array, value.data as Float32Array)
      else if (kept !== undefined) this.#residents.set(kept, value)
      else out[name] = fromOrt(value)
    }
    return out
  }

  #argument(value: HostArgument): OrtTensor {
    return 'resident' in value ? this.#resident(value.resident) : this.#toOrt(value)
  }

  #resident(id: number): OrtTensor {
    const tensor = this.#residents.get(id)
    if (!tensor) throw new Error('a tensor was used after it was released')
    return tensor
  }

  #toOrt({ dtype, shape, data }: Tensor): OrtTensor {
    const type = ortTypes[dtype]
    if (!type) throw new TypeError(`ONNX Runtime takes no ${dtype}; convert the tensor first`)
    return new this.#ort.Tensor(type, data, shape)
  }
}

const fromOrt = (value: OrtTensor): Tensor => {
  const dtype = fromOrtType(value.type)
  const data = value.data as Float32Array
  return {
    dtype,
    shape: value.dims,
    data: data instanceof dtypes[dtype].array ? data : new dtypes[dtype].array(data.buffer as ArrayBuffer),
  }
}

function addInto(total: Float64Array, values: Float32Array): void {
  for (let i = 0; i < total.length; i++) total[i]! += values[i]!
}
