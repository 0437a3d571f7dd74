import type { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-common'
import { dtypes } from '../dtype.ts'
import { freeBuffer } from '../free-buffer.ts'
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
  readonly outputs: readonly string[]
}

/** Sessions and resident tensors of one ONNX Runtime, addressed by number so that a thread boundary can lie between. */
export class OrtHost {
  readonly #ort: OrtModule
  readonly #options: InferenceSession.SessionOptions
  readonly #sessions = new Map<number, InferenceSession>()
  readonly #residents = new Map<number, OrtTensor>()

  constructor(ort: OrtModule, options: InferenceSession.SessionOptions) {
    this.#ort = ort
    this.#options = options
  }

  async compile(program: number, model: Uint8Array): Promise<void> {
    this.#sessions.set(program, await this.#ort.InferenceSession.create(model, this.#options))
  }

  async run(request: HostRun): Promise<Record<string, Tensor>> {
    const session = this.#sessions.get(request.program)
    if (!session) throw new Error('this program is closed')
    const feeds: Record<string, OrtTensor> = {}
    for (const [name, value] of Object.entries(request.inputs)) feeds[name] = this.#argument(value)
    const results = await session.run(feeds, request.outputs.map(outputName))
    return this.#deliver(request, results)
  }

  /** Takes the tensor's buffer over; `release` frees it. */
  upload(id: number, tensor: Tensor): void {
    this.#residents.set(id, this.#toOrt(tensor))
  }

  /** Copies: the resident stays as it is. */
  read(id: number): Tensor {
    const { dtype, shape, data } = fromOrt(this.#resident(id))
    return { dtype, shape, data: data.slice() }
  }

  /** Gives the resident's own buffer away, and forgets it. */
  take(id: number): Tensor {
    const tensor = fromOrt(this.#resident(id))
    this.#residents.delete(id)
    return tensor
  }

  release(id: number): void {
    const value = this.#residents.get(id)
    this.#residents.delete(id)
    if (value) freeBuffer(value.data as Float32Array)
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
      if (kept !== undefined) this.#residents.set(kept, value)
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
