import manifests from 'sinter:package-files'
import { env } from 'onnxruntime-web'
import { serve } from '../engine/serve.ts'
import { askHost } from './ask-host.ts'
import { byteQueue } from './byte-queue.ts'
import { setElsewhere } from './files/elsewhere.ts'
import { makeFolders } from './files/memory-files.ts'
import { writeFileSync } from './node/fs.ts'
import { dirname } from './node/path.ts'
import type { FromWorker, ToWorker } from './worker-messages.ts'

// The engine of the web extension: the same requests as the engine's process answers, over messages instead of streams.

// Typed as a window by the library that the workspace compiles with.
const post = (message: FromWorker): void => (globalThis as unknown as Pick<Worker, 'postMessage'>).postMessage(message)
const host = askHost(post)
const lines = byteQueue()

makeFolders('/tmp')
for (const [path, text] of Object.entries(manifests)) {
  makeFolders(dirname(path))
  writeFileSync(path, text)
}
setElsewhere(host)

globalThis.addEventListener('message', ({ data }: MessageEvent<ToWorker>) => {
  if (data.type === 'file') host.settle(data)
  else if (data.type === 'rpc') lines.push(new TextEncoder().encode(data.text))
  else {
    env.wasm.wasmBinary = data.wasm.buffer
    env.wasm.numThreads = 1
  }
})

void serve({
  input: lines,
  output: { write: text => post({ type: 'rpc', text }) },
  runProgram: { node: '', args: [] },
})
