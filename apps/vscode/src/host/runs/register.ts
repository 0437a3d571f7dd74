import * as vscode from 'vscode'
import type { EngineClient, watchRuns } from '../../engine-client/index.ts'
import { runCommands } from './run-commands.ts'
import { watchedRuns } from './run-list.ts'
import { runStatusBar } from './run-status-bar.ts'
import { runTree } from './run-tree.ts'

/**
 * The runs of the workspace: view, status bar and commands.
 * @param watch where the folders of runs are no files of this machine
 */
export function registerRuns(client: EngineClient, watch?: typeof watchRuns): vscode.Disposable {
  const runs = watchedRuns(watch)
  return vscode.Disposable.from(runs, runTree(runs), runStatusBar(runs), runCommands(client, runs))
}
