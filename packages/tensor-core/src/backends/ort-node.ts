import { Worker } from 'node:worker_threads'
import type { Graph } from '../graph/graph.ts'
import { toOnnx } from '../onnx/lower.ts'
import { bytesOf, type Tensor } from '../tensor.ts'
import { type Argument, type Backend, isResident, type Program, type Resident, type RunOptions } from './backend.ts'
import { checkInputs } from './check-inputs.ts'
import type { HostArgument, HostRun } from './ort-host.ts'

export interface WorkerOptions {
  readonly threads: number
  readonly device: 'cpu' | 'webgpu'
}

export type WorkerRequest = { readonly call: number } & (
  | { readonly kind: 'compile'; readonly program: number; readonly model: Uint8Array }
  | { readonly kind: 'run'; readonly run: HostRun }
  | { readonly kind: 'upload'; readonly id: number; readonly tensor: Tensor }
  | { readonly kind: 'read' | 'take' | 'release'; readonly id: number }
  | { readonly kind: 'settle' }
  | { readonly kind: 'closeProgram'; readonly program: number }
)

export type WorkerReply =
  | { readonly call: number; readonly value: Record<string, Tensor> | Tensor | undefined }
  | { readonly call: number; readonly error: string }

type Request = WorkerRequest extends infer R ? (R extends { call: number } ? Omit<R, 'call'> : never) : never

class RemoteResident implements Resident {
  readonly id: number
  readonly dtype: Tensor['dtype']
  readonly shape: readonly number[]
  readonly #worker: OrtWorker

  constructor(worker: OrtWorker, id: number, dtype: Tensor['dtype'], shape: readonly number[]) {
    this.#worker = worker
    this.id = id
    this.dtype = dtype
    this.shape = shape
  }

  read(): Promise<Tensor> {
    return this.#worker.call({ kind: 'read', id: this.id }) as Promise<Tensor>
  }

  take(): Promise<Tensor> {
    return this.#worker.call({ kind: 'take', id: this.id }) as Promise<Tensor>
  }

  release(): void {
    void this.#worker.call({ kind: 'release', id: this.id }).catch(() => {})
  }
}

/** One worker thread that owns an ONNX Runtime. */
class OrtWorker {
  readonly #worker: Worker
  readonly #waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>()
  #calls = 0
  #closing = false
  #ids = 0

  constructor(options: WorkerOptions) {
    const file = import.meta.url.endsWith('.ts') ? './ort-node-worker.ts' : './ort-node-worker.js'
    this.#worker = new Worker(new URL(file, import.meta.url), {
      workerData: options,
      // It handles buffers, not objects.
      resourceLimits: { maxYoungGenerationSizeMb: 4 },
    })
    this.#worker.on('message', (reply: WorkerReply) => this.#settle(reply))
    this.#worker.on('error', error => this.#fail(error))
    this.#worker.on('exit', code => this.#fail(new Error(`the compute worker stopped (exit code ${code})`)))
    this.#worker.unref()
  }

  nextId(): number {
    return this.#ids++
  }

  call(request: Request, transfer: ArrayBuffer[] = []): Promise<unknown> {
    const call = this.#calls++
    return new Promise((resolve, reject) => {
      this.#waiting.set(call, { resolve, reject })
      this.#worker.ref()
      this.#worker.postMessage({ ...request, call }, transfer)
    })
  }

  async close(): Promise<void> {
    // A worker that is not referenced would let the process end before this promise settles. Replies to calls that nobody
    // waits for (releases) may still come, and must not undo it.
    this.#closing = true
    this.#worker.ref()
    // A thread that is stopped while ONNX Runtime is being loaded, or is at work, takes the process with it.
    await this.call({ kind: 'settle' }).catch(() => {})
    await this.#worker.terminate()
  }

  #settle(reply: WorkerReply): void {
    const waiting = this.#waiting.get(reply.call)
    this.#waiting.delete(reply.call)
    // An idle worker must not keep the process alive.
    if (this.#waiting.size === 0 && !this.#closing) this.#worker.unref()
    if ('error' in reply) waiting?.reject(new Error(reply.error))
    else waiting?.resolve(reply.value)
  }

  #fail(error: Error): void {
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#waiting.clear()
  }
}

/**
 * ONNX Runtime in a worker thread of Node.
 * @param threads of the intra-operator pool
 * @param device `webgpu` needs a Vulkan, Metal or D3D12 driver
 */
export function ortNodeBackend({ threads = 1, device = 'cpu' }: Partial<WorkerOptions> = {}): Backend {
  const worker = new OrtWorker({ threads, device })
  return {
    name: `onnxruntime-node (${device}, ${threads} thread${threads === 1 ? '' : 's'})`,
    compile: graph => compile(worker, graph),
    async upload(tensor, { move = false } = {}) {
      const id = worker.nextId()
      await worker.call({ kind: 'upload', id, tensor }, move ? [bytesOf(tensor).buffer as ArrayBuffer] : [])
      return new RemoteResident(worker, id, tensor.dtype, tensor.shape)
    },
    close: () => worker.close(),
  }
}

async function compile(worker: OrtWorker, graph: Graph): Promise<Program> {
  const program = worker.nextId()
  await worker.call({ kind: 'compile', program, model: toOnnx(graph) })
  return {
    run: (inputs, options = {}) => run(worker, program, graph, inputs, options),
    close: async () => void (await worker.call({ kind: 'closeProgram', program })),
  }
}

async function run(
  worker: OrtWorker,
  program: number,
  graph: Graph,
  inputs: Readonly<Record<string, Argument>>,
  options: RunOptions,
): Promise<Record<string, Argument>> {
  const shapes = checkInputs(graph, inputs)
  const sent: Record<string, HostArgument> = {}
  for (const name of graph.inputs.keys()) {
    const value = inputs[name]!
    sent[name] = isResident(value) ? { resident: (value as RemoteResident).id } : value
  }
  const results: Record<string, Argument> = {}
  const keep: Record<string, number> = {}
  for (const name of options.keep ?? []) {
    keep[name] = worker.nextId()
    results[name] = new RemoteResident(worker, keep[name], graph.outputs.get(name)!.dtype, shapes(name))
  }
  const request: HostRun = {
    program,
    inputs: sent,
    keep,
    outputs: [...graph.outputs.keys()],
  }
  return { ...results, ...((await worker.call({ kind: 'run', run: request })) as Record<string, Tensor>) }
}
