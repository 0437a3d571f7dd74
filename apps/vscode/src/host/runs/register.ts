import * as vscode from 'vscode'
import type { EngineClient } from '../../engine-client/index.ts'
import { runCommands } from './run-commands.ts'
import { watchedRuns } from './run-list.ts'
import { runStatusBar } from './run-status-bar.ts'
import { runTree } from './run-tree.ts'

/** The runs of the workspace: view, status bar and commands. */
export function registerRuns(client: EngineClient): vscode.Disposable {
  const runs = watchedRuns()
  return vscode.Disposable.from(runs, runTree(runs), runStatusBar(runs), runCommands(client, runs))
}
