import * as vscode from 'vscode'
import {
  createEngineClient,
  type EngineClient,
  engineModelReader,
  engineRecipeService,
  findNode,
  type NodeCandidate,
} from '../../engine-client/index.ts'
import type { ModelReader } from '../../shared/model-reader.ts'
import type { RecipeService } from '../../shared/recipe-checker.ts'

/** The engine's process, and what is asked of it. */
export interface Engine extends vscode.Disposable {
  readonly client: EngineClient
  readonly reader: ModelReader
  readonly recipes: RecipeService
}

/** Megabytes of JavaScript's heap: a header of 100,000 tensors takes some hundred; arrays of numbers lie outside of it. */
const HEAP_MEGABYTES = 2048

/** Nothing is started before the first question. */
export function registerEngine(context: vscode.ExtensionContext): Engine {
  const log = vscode.window.createOutputChannel('Sinter', { log: true })
  const client = createEngineClient({
    findNode: () => findNode(nodes()),
    args: [context.asAbsolutePath('dist/engine.mjs')],
    heapMegabytes: HEAP_MEGABYTES,
    client: `vscode ${vscode.version}`,
    onLog: text => log.warn(text.trimEnd()),
    onState: state => log.info(`engine: ${state}`),
  })
  return {
    client,
    reader: engineModelReader(client),
    recipes: engineRecipeService(client),
    dispose() {
      log.dispose()
      // The runs go on: they are processes of their own.
      void client.dispose()
    },
  }
}

/** The user's own, then what the path has, then the editor itself. */
function nodes(): NodeCandidate[] {
  const own = vscode.workspace.getConfiguration('sinter').get<string>('nodePath', '')
  const host = { path: process.execPath, electron: process.versions.electron !== undefined }
  return [...(own === '' ? [] : [{ path: own }]), { path: 'node' }, host]
}
