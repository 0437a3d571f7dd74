import { basename } from 'node:path'
import * as vscode from 'vscode'
import type { EngineClient } from '../../engine-client/index.ts'
import type { RunList, ShownRun } from './run-list.ts'
import { percentOf, stateText } from './run-text.ts'
import { untilEnded } from './until-ended.ts'

/**
 * Shows a run that somebody has just asked for until it ends; *Cancel* stops the run itself.
 * @param since when it was asked for, milliseconds since 1970
 */
export async function followRun(
  client: EngineClient,
  runs: RunList,
  { workspace, run }: ShownRun,
  since: number,
): Promise<void> {
  const title = basename(run.out)
  const options = { location: vscode.ProgressLocation.Notification, title, cancellable: true }
  const ended = await vscode.window.withProgress(options, (progress, cancel) => {
    cancel.onCancellationRequested(() => {
      progress.report({ message: vscode.l10n.t('stopping') })
      client.request('runCancel', { workspace, id: run.id }).catch((error: Error) => {
        void vscode.window.showErrorMessage(error.message)
      })
    })
    let shown = 0
    return untilEnded(runs, run.id, since, now => {
      const percent = percentOf(now.progress) ?? 0
      progress.report({ message: stateText(now), increment: Math.max(0, percent - shown) })
      shown = percent
    })
  })
  await tellEnd({ workspace, run: ended })
}

async function tellEnd(shown: ShownRun): Promise<void> {
  const { state, error, report, out } = shown.run
  if (state === 'failed') return offer('showErrorMessage', error?.message ?? stateText(shown.run), resume(shown))
  if (state !== 'done') return
  const text = vscode.l10n.t('{name} is complete.', { name: basename(out) })
  await offer('showInformationMessage', text, report ? openReport(shown) : undefined)
}

interface Offer {
  readonly title: string
  readonly command: string
  readonly run: ShownRun
}

const resume = (run: ShownRun): Offer => ({ title: vscode.l10n.t('Resume'), command: 'sinter.resumeRun', run })
const openReport = (run: ShownRun): Offer => ({
  title: vscode.l10n.t('Open Report'),
  command: 'sinter.openReport',
  run,
})

async function offer(
  show: 'showErrorMessage' | 'showInformationMessage',
  text: string,
  action: Offer | undefined,
): Promise<void> {
  const chosen = await vscode.window[show](text, ...(action ? [action.title] : []))
  if (action && chosen === action.title) await vscode.commands.executeCommand(action.command, action.run)
}
