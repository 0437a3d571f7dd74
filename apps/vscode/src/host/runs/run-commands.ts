import * as vscode from 'vscode'
import type { EngineClient } from '../../engine-client/index.ts'
import { pathOf, uriOf } from '../paths.ts'
import { isRecipe } from '../recipes/selector.ts'
import { isVirtual } from '../virtual.ts'
import { chooseRun, isDone } from './choose-run.ts'
import { followRun } from './follow-run.ts'
import { modelFile } from './model-file.ts'
import { resultPath } from './result-path.ts'
import type { RunList, ShownRun } from './run-list.ts'

/** Commands of recipes and of the rows of the view. */
export function runCommands(client: EngineClient, runs: RunList): vscode.Disposable {
  const { registerCommand } = vscode.commands
  const told = (work: Promise<unknown>): Promise<unknown> =>
    work.catch((error: Error) => vscode.window.showErrorMessage(error.message))
  return vscode.Disposable.from(
    registerCommand('sinter.run', (uri?: vscode.Uri) => told(startRun(client, runs, uri))),
    registerCommand('sinter.stopRun', ({ workspace, run }: ShownRun) =>
      told(client.request('runCancel', { workspace, id: run.id })),
    ),
    registerCommand('sinter.resumeRun', ({ workspace, run }: ShownRun) =>
      told(resumeRun(client, runs, workspace, run.id)),
    ),
    registerCommand('sinter.revealOutput', ({ run }: ShownRun) =>
      vscode.commands.executeCommand('revealInExplorer', uriOf(run.out)),
    ),
    registerCommand('sinter.compareRun', (shown?: ShownRun) => told(compareRun(runs, shown))),
    registerCommand('sinter.showRuns', () => vscode.commands.executeCommand('sinter.runs.focus')),
  )
}

async function startRun(client: EngineClient, runs: RunList, uri: vscode.Uri | undefined): Promise<void> {
  requirePlace()
  const document = uri ? await vscode.workspace.openTextDocument(uri) : vscode.window.activeTextEditor?.document
  if (!document || !isRecipe(document)) throw new Error(vscode.l10n.t('Open a recipe (*.sinter.jsonc) first.'))
  const folder = vscode.workspace.getWorkspaceFolder(document.uri) ?? vscode.workspace.workspaceFolders?.[0]
  if (!folder) throw new Error(vscode.l10n.t('Open a folder first: runs are kept in it.'))
  const workspace = pathOf(folder.uri)
  const given = { workspace, text: document.getText(), path: pathOf(document.uri), ...limits(document.uri) }
  const since = Date.now()
  const { run, diagnostics } = await client.request('runStart', given)
  const wrong = diagnostics.filter(({ severity }) => severity === 'error')
  if (!run) throw new Error(wrong.map(({ message, line }) => `${line}: ${message}`).join('\n'))
  await followRun(client, runs, { workspace, run }, since)
}

/** The original against what the run made of it. */
async function compareRun(runs: RunList, clicked: ShownRun | undefined): Promise<void> {
  const shown = await chooseRun(runs, clicked, isDone, {
    placeHolder: vscode.l10n.t('The run whose result to compare'),
    missing: vscode.l10n.t('No run of this folder has a result yet.'),
  })
  if (!shown) return
  const both = await Promise.all([modelFile(shown.run.model), modelFile(await resultPath(shown))])
  await vscode.commands.executeCommand('sinter.compare', both[0], both)
}

async function resumeRun(client: EngineClient, runs: RunList, workspace: string, id: string): Promise<void> {
  requirePlace()
  const since = Date.now()
  const { run } = await client.request('runResume', { workspace, id })
  await followRun(client, runs, { workspace, run }, since)
}

/** Also a hidden command can be called. */
function requirePlace(): void {
  if (!vscode.workspace.isTrusted)
    throw new Error(vscode.l10n.t('Nothing runs in Restricted Mode: trust this folder first.'))
  if (isVirtual()) throw new Error(vscode.l10n.t('Compressing needs files on a disk, and this workspace has none.'))
}

/** 0 in the settings leaves it to the engine. */
function limits(scope: vscode.Uri): { threads?: number; memory?: number } {
  const settings = vscode.workspace.getConfiguration('sinter', scope)
  const [threads, mebibytes] = [settings.get('threads', 0), settings.get('memory', 0)]
  return { ...(threads > 0 && { threads }), ...(mebibytes > 0 && { memory: mebibytes * 2 ** 20 }) }
}
