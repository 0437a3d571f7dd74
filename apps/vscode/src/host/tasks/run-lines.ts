import { basename } from 'node:path'
import * as vscode from 'vscode'
import type { EngineClient } from '../../engine-client/index.ts'
import type { RecipeDiagnostic } from '../../shared/protocol.ts'
import type { RunStatus } from '../../shared/run-status.ts'
import { pathOf } from '../paths.ts'
import { readText } from '../read-text.ts'
import type { RunList } from '../runs/run-list.ts'
import { percentOf, stateText } from '../runs/run-text.ts'
import { startRun } from '../runs/start-run.ts'
import { hasEnded, untilRun } from '../runs/until-run.ts'

/** Percents between two lines of one stage. */
const STEP = 10

/**
 * Runs a recipe as a line of text here and there.
 * @param stop stops the run itself
 * @returns what a program would exit with: 0 for a result, else 1
 */
export async function runLines(
  client: EngineClient,
  runs: RunList,
  recipe: vscode.Uri,
  write: (text: string) => void,
  stop: AbortSignal,
): Promise<number> {
  const { run, diagnostics, workspace, since } = await startRun(client, recipe, await textOf(recipe))
  for (const diagnostic of diagnostics) write(diagnosticLine(pathOf(recipe), diagnostic))
  if (!run) return 1
  const cancel = (): void => {
    write(vscode.l10n.t('stopping'))
    client.request('runCancel', { workspace, id: run.id }).catch((error: Error) => write(error.message))
  }
  if (stop.aborted) cancel()
  stop.addEventListener('abort', cancel)
  const isNews = newsOf()
  const ended = await untilRun(
    runs,
    run.id,
    now => hasEnded(now, since),
    now => {
      if (isNews(now)) write(stateText(now))
    },
  )
  stop.removeEventListener('abort', cancel)
  if (ended.error) write(ended.error.message)
  if (ended.state !== 'done') return 1
  write(vscode.l10n.t('{name} is complete.', { name: basename(ended.out) }))
  return 0
}

/** As it stands in the editor, or else on the disk: a recipe that was opened would be marked by others than the problem matcher. */
async function textOf(recipe: vscode.Uri): Promise<string> {
  const open = vscode.workspace.textDocuments.find(({ uri }) => uri.toString() === recipe.toString())
  return open ? open.getText() : readText(recipe)
}

/** As the command line says it, and as the problem matcher reads errors. */
const diagnosticLine = (file: string, { severity, line, path, message }: RecipeDiagnostic): string => {
  const text = path === '' ? message : `${path}: ${message}`
  return severity === 'error' ? `${file}:${line}: ${text}` : vscode.l10n.t('warning: {text}', { text })
}

/** Whether a state is worth a line: another one than before, another stage, or enough more of it. */
function newsOf(): (run: RunStatus) => boolean {
  let last = ''
  return ({ state, progress }) => {
    const percent = state === 'running' ? (percentOf(progress) ?? 0) : 0
    const now = `${state} ${progress?.stage} ${Math.floor(percent / STEP)}`
    const isNew = now !== last
    last = now
    return isNew
  }
}
