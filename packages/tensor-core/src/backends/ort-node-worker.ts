import { parentPort, workerData } from 'node:worker_threads'
import { freeBuffer } from '../free-buffer.ts'
import { bytesOf, type Tensor } from '../tensor.ts'
import { type HostRun, OrtHost, type OrtModule } from './ort-host.ts'
import type { WorkerOptions, WorkerReply, WorkerRequest } from './ort-node.ts'

// run() blocks the thread that calls it; this thread exists to be blocked.
process.env.ORT_DISABLE_TELEMETRY = '1'
const ort = (await import('onnxruntime-node')) as unknown as OrtModule & { default?: OrtModule }
const { threads, device } = workerData as WorkerOptions
const options = {
  executionProviders: [device],
  intraOpNumThreads: threads,
  interOpNumThreads: 1,
  // Blocks that sessions free serve all of them. None goes back to the system before the end, but without it every large array
  // would be page faults again: training then has two thirds of its rate.
  enableCpuMemArena: true,
  enableMemPattern: false,
  // Waiting threads sleep: the machine's other core has work of ours to do.
  extra: { session: { intra_op: { allow_spinning: '0' }, inter_op: { allow_spinning: '0' } } },
}
const host = new OrtHost(ort.default ?? ort, options)

async function answer(request: WorkerRequest): Promise<Record<string, Tensor> | Tensor | undefined> {
  switch (request.kind) {
    case 'compile':
      return void (await host.compile(request.program, request.model))
    case 'run':
      return run(request.run)
    case 'upload':
      return host.upload(request.id, request.tensor) as undefined
    case 'read':
      return host.read(request.id)
    case 'take':
      return host.take(request.id)
    case 'release':
      return host.release(request.id) as undefined
    case 'settle':
      return undefined
    case 'closeProgram':
      return void (await host.closeProgram(request.program))
  }
}

/** Tensors that came with the request are this thread's copies. */
async function run(request: HostRun): Promise<Record<string, Tensor>> {
  try {
    return await host.run(request)
  } finally {
    for (const input of Object.values(request.inputs)) if ('data' in input) freeBuffer(input.data)
  }
}

/** Result buffers move to the caller; those that ONNX Runtime owns cannot, and are copied by the message. */
function transferable(value: Record<string, Tensor> | Tensor | undefined): ArrayBuffer[] {
  if (!value) return []
  const tensors = 'dtype' in value ? [value as Tensor] : Object.values(value)
  return tensors.map(tensor => bytesOf(tensor).buffer as ArrayBuffer)
}

// One request at a time, in order: a later one may need what an earlier one uploads.
let queue: Promise<void> = Promise.resolve()
parentPort!.on('message', (request: WorkerRequest) => {
  queue = queue.then(async () => {
    let reply: WorkerReply
    try {
      reply = { call: request.call, value: await answer(request) }
    } catch (error) {
      reply = { call: request.call, error: error instanceof Error ? error.message : String(error) }
    }
    const value = 'value' in reply ? reply.value : undefined
    try {
      parentPort!.postMessage(reply, transferable(value))
    } catch {
      parentPort!.postMessage(reply)
    }
  })
})
