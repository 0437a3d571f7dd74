import { basename } from 'node:path'
import * as vscode from 'vscode'
import type { EngineClient } from '../../engine-client/index.ts'
import type { ShownRun } from './run-list.ts'
import { requirePlace } from './start-run.ts'

/** Takes a run out of the list, when somebody has agreed. */
export async function removeRun(client: EngineClient, { workspace, run }: ShownRun): Promise<void> {
  requirePlace()
  const name = basename(run.out)
  const remove = vscode.l10n.t('Remove')
  const detail = run.resumable
    ? vscode.l10n.t('It cannot be resumed here afterwards. What is finished of it stays in {name}.sinter-run.', {
        name,
      })
    : vscode.l10n.t('What it made stays.')
  const question = vscode.l10n.t('Remove the record of {name} and its copy of the report?', { name })
  if ((await vscode.window.showWarningMessage(question, { modal: true, detail }, remove)) !== remove) return
  await client.request('runRemove', { workspace, id: run.id })
}
