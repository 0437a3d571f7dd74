import * as vscode from 'vscode'
import { createEngineClient, type EngineClient, findNode, type NodeCandidate } from '../engine-client/index.ts'

/** The engine's process, with its own log; nothing starts before the first question. */
export function hostEngine(context: vscode.ExtensionContext): EngineClient {
  const log = vscode.window.createOutputChannel('Sinter', { log: true })
  const client = createEngineClient({
    findNode: () => findNode(candidates()),
    args: [context.asAbsolutePath('dist/engine.mjs')],
    client: `vscode ${vscode.version}`,
    onLog: text => log.info(text.trimEnd()),
    onState: state => log.info(`engine: ${state}`),
  })
  context.subscriptions.push(log, { dispose: () => void client.dispose() })
  return client
}

/** The setting, then PATH, then the program that runs this. */
function candidates(): NodeCandidate[] {
  const set = vscode.workspace.getConfiguration('sinter').get<string>('nodePath', '')
  const own = { path: process.execPath, electron: process.versions.electron !== undefined }
  return [...(set === '' ? [] : [{ path: set }]), { path: 'node' }, own]
}
