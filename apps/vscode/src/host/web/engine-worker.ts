import * as vscode from 'vscode'
import { createConnection, EngineError, type EngineProcess, handshake } from '../../engine-client/index.ts'
import type { FileRequest, FromWorker, ToWorker } from '../../web/worker-messages.ts'
import { answerFile } from './workspace-files.ts'

/**
 * Starts the engine in a worker. Its script and ONNX Runtime's WebAssembly are read as the extension's files are: an address of a remote
 * extension starts no worker, a blob does.
 * @throws EngineError when it does not answer
 */
export async function startEngineWorker(extension: vscode.Uri): Promise<EngineProcess> {
  const read = (name: string) => vscode.workspace.fs.readFile(vscode.Uri.joinPath(extension, 'dist', 'web', name))
  const [script, wasm] = await Promise.all([read('engine.js'), read('ort.wasm')])
  const url = URL.createObjectURL(new Blob([new Uint8Array(script)], { type: 'text/javascript' }))
  const worker = new Worker(url)
  const post = (message: ToWorker): void => worker.postMessage(message)
  let listener: ((bytes: Uint8Array) => void) | undefined
  let open = true
  let resolveEnd = (): void => {}
  const ended = new Promise<void>(resolve => (resolveEnd = resolve))
  const end = (error: EngineError): void => {
    if (!open) return
    open = false
    worker.terminate()
    URL.revokeObjectURL(url)
    connection.close(error)
    resolveEnd()
  }
  const connection = createConnection(
    { on: (_event, listen) => (listener = listen) },
    {
      get writable() {
        return open
      },
      write: text => post({ type: 'rpc', text }),
    },
    end,
  )
  worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
    if (data.type === 'rpc') listener?.(new TextEncoder().encode(data.text))
    else void answer(data.id, data.request, post)
  }
  worker.onerror = ({ message }) => end(new EngineError('crashed', `the engine ended: ${message}`))
  post({ type: 'start', wasm: new Uint8Array(wasm) })
  const stop = async (): Promise<void> => end(new EngineError('crashed', 'the engine was stopped'))
  try {
    await handshake(connection, `vscode ${vscode.version}`)
  } catch (error) {
    await stop()
    throw error
  }
  return { pid: 1, connection, ended, stop }
}

async function answer(id: number, request: FileRequest, post: (message: ToWorker) => void): Promise<void> {
  try {
    post({ type: 'file', id, value: await answerFile(request) })
  } catch (error) {
    const { code, message } = error as { code?: unknown; message: string }
    post({ type: 'file', id, error: { code: typeof code === 'string' ? code : 'EIO', message } })
  }
}
