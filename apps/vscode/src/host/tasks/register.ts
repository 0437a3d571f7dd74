import { posix } from 'node:path'
import * as vscode from 'vscode'
import type { EngineClient } from '../../engine-client/index.ts'
import { relativePath } from '../../shared/recipe-text.ts'
import type { RunList } from '../runs/run-list.ts'
import { isVirtual } from '../virtual.ts'
import { runTerminal } from './run-terminal.ts'

const TYPE = 'sinter'
const RECIPES = '**/*.sinter.jsonc'
const AT_MOST = 200

/** A task for every recipe of the workspace, and those that `tasks.json` names. */
export function registerTasks(client: EngineClient, runs: RunList): vscode.Disposable {
  const ended = new AbortController()
  const taskOf = (definition: vscode.TaskDefinition, folder: vscode.WorkspaceFolder, name: string): vscode.Task => {
    // What stood in it as ${…} is filled in by now.
    const execution = new vscode.CustomExecution(async ({ recipe }) =>
      runTerminal(client, runs, folder, String(recipe), ended.signal),
    )
    const task = new vscode.Task(definition, folder, name, TYPE, execution, '$sinter')
    task.detail = definition.recipe
    return task
  }
  const provider = vscode.tasks.registerTaskProvider(TYPE, {
    async provideTasks() {
      if (!canRun()) return []
      const found = await vscode.workspace.findFiles(RECIPES, '**/{node_modules,.sinter}/**', AT_MOST)
      return found
        .toSorted((a, b) => (a.path < b.path ? -1 : 1))
        .flatMap(uri => {
          const folder = vscode.workspace.getWorkspaceFolder(uri)
          if (!folder) return []
          const name = vscode.l10n.t('compress {name}', { name: posix.basename(uri.path, '.sinter.jsonc') })
          return [taskOf({ type: TYPE, recipe: relativePath(folder.uri.path, uri.path) }, folder, name)]
        })
    },
    resolveTask({ definition, scope, name }) {
      const folder = typeof scope === 'object' ? scope : vscode.workspace.workspaceFolders?.[0]
      if (!canRun() || !folder || typeof definition.recipe !== 'string') return undefined
      return taskOf(definition, folder, name)
    },
  })
  return vscode.Disposable.from(provider, { dispose: () => ended.abort() })
}

const canRun = (): boolean => vscode.workspace.isTrusted && !isVirtual()
