import * as vscode from 'vscode'
import type { EngineClient } from '../../engine-client/index.ts'
import { isOver } from '../../shared/run-status.ts'
import { uriOf } from '../paths.ts'
import { recipeOf } from '../recipes/recipe-of.ts'
import { chooseRun, isDone } from './choose-run.ts'
import { followRun } from './follow-run.ts'
import { modelFile } from './model-file.ts'
import { removeRun } from './remove-run.ts'
import { rerun } from './rerun.ts'
import { resultPath } from './result-path.ts'
import type { RunList, ShownRun } from './run-list.ts'
import { parallelRuns, requirePlace, startRun } from './start-run.ts'
import { hasEnded } from './until-run.ts'

/** Commands of recipes and of the rows of the view. */
export function runCommands(client: EngineClient, runs: RunList): vscode.Disposable {
  const { registerCommand } = vscode.commands
  const told = (work: Promise<unknown>): Promise<unknown> =>
    work.catch((error: Error) => vscode.window.showErrorMessage(error.message))
  return vscode.Disposable.from(
    registerCommand('sinter.run', (uri?: vscode.Uri) => told(run(client, runs, uri))),
    registerCommand('sinter.stopRun', (shown: ShownRun) => told(stopRun(client, shown))),
    registerCommand('sinter.resumeRun', ({ workspace, run }: ShownRun) =>
      told(resumeRun(client, runs, workspace, run.id)),
    ),
    registerCommand('sinter.revealOutput', ({ run }: ShownRun) =>
      vscode.commands.executeCommand('revealInExplorer', uriOf(run.out)),
    ),
    registerCommand('sinter.removeRun', (shown: ShownRun) => told(removeRun(client, shown))),
    registerCommand('sinter.rerun', (shown: ShownRun) => told(rerun(runs, shown))),
    registerCommand('sinter.compareRun', (shown?: ShownRun) => told(compareRun(runs, shown))),
    registerCommand('sinter.showRuns', () => vscode.commands.executeCommand('sinter.runs.focus')),
  )
}

async function run(client: EngineClient, runs: RunList, uri: vscode.Uri | undefined): Promise<void> {
  const document = await recipeOf(uri)
  if (!document) throw new Error(vscode.l10n.t('Open a recipe (*.sinter.jsonc) first.'))
  const { run, diagnostics, workspace, since } = await startRun(client, document.uri, document.getText())
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

/** In a folder that is not trusted the status may name any process. */
async function stopRun(client: EngineClient, { workspace, run }: ShownRun): Promise<void> {
  requirePlace()
  await client.request('runCancel', { workspace, id: run.id })
}

async function resumeRun(client: EngineClient, runs: RunList, workspace: string, id: string): Promise<void> {
  requirePlace()
  const since = Date.now()
  const { run } = await client.request('runResume', { workspace, id, parallel: parallelRuns(uriOf(workspace)) })
  // Of one that was done long ago nothing will come.
  if (!isOver(run) || hasEnded(run, since)) await followRun(client, runs, { workspace, run }, since)
}
