import { basename } from 'node:path'
import * as vscode from 'vscode'
import type { EngineClient } from '../../engine-client/index.ts'
import type { RunStatus } from '../../shared/run-status.ts'
import type { RunList, ShownRun } from './run-list.ts'
import { percentOf, stateText } from './run-text.ts'
import { hasEnded, untilRun } from './until-run.ts'

/**
 * Shows a run that somebody has just asked for until it ends; *Cancel* stops the run itself. While it waits for others, which may take
 * hours, the view and the status bar say so, and no notification stays for as long.
 * @param since when it was asked for, milliseconds since 1970
 */
export async function followRun(
  client: EngineClient,
  runs: RunList,
  { workspace, run }: ShownRun,
  since: number,
): Promise<void> {
  const waits = ({ state }: RunStatus): boolean => state === 'queued'
  let now = run
  while (!hasEnded(now, since)) {
    now = waits(now)
      ? await untilRun(runs, run.id, next => !waits(next))
      : await notify(client, runs, { workspace, run }, next => waits(next) || hasEnded(next, since))
  }
  await tellEnd({ workspace, run: now })
}

async function notify(
  client: EngineClient,
  runs: RunList,
  { workspace, run }: ShownRun,
  isIt: (run: RunStatus) => boolean,
): Promise<RunStatus> {
  const options = { location: vscode.ProgressLocation.Notification, title: basename(run.out), cancellable: true }
  return vscode.window.withProgress(options, (progress, cancel) => {
    cancel.onCancellationRequested(() => {
      progress.report({ message: vscode.l10n.t('stopping') })
      client.request('runCancel', { workspace, id: run.id }).catch((error: Error) => {
        void vscode.window.showErrorMessage(error.message)
      })
    })
    let shown = 0
    return untilRun(runs, run.id, isIt, now => {
      const percent = percentOf(now.progress) ?? 0
      progress.report({ message: stateText(now), increment: Math.max(0, percent - shown) })
      shown = percent
    })
  })
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
