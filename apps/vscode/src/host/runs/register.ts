import * as vscode from 'vscode'
import type { EngineClient, watchRuns } from '../../engine-client/index.ts'
import { runCommands } from './run-commands.ts'
import { type RunList, watchedRuns } from './run-list.ts'
import { runStatusBar } from './run-status-bar.ts'
import { runTree } from './run-tree.ts'

/** What other parts show of the runs. */
export interface RegisteredRuns extends vscode.Disposable {
  readonly runs: RunList
}

/**
 * The runs of the workspace: view, status bar and commands.
 * @param watch where the folders of runs are no files of this machine
 */
export function registerRuns(client: EngineClient, watch?: typeof watchRuns): RegisteredRuns {
  const runs = watchedRuns(watch)
  const parts = vscode.Disposable.from(runs, runTree(runs), runStatusBar(runs), runCommands(client, runs))
  return { runs, dispose: () => parts.dispose() }
}
