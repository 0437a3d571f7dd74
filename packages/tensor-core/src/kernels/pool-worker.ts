import { parentPort } from 'node:worker_threads'
import { loadKernel } from './load-kernel.ts'
import type { Job, Reply } from './pool-worker-handle.ts'

const port = parentPort
if (!port) throw new Error('pool-worker runs in a worker thread')

port.on('message', async ({ id, kernel, args, start, end }: Job) => {
  let reply: Reply
  try {
    const run = await loadKernel(kernel)
    reply = { id, value: await run(args, start, end) }
  } catch (error) {
    reply = { id, error }
  }
  port.postMessage(reply)
})
