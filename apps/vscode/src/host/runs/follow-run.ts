import { basename } from 'node:path'
import * as vscode from 'vscode'
import type { EngineClient } from '../../engine-client/index.ts'
import type { RunStatus } from '../../shared/run-status.ts'
import type { RunList, ShownRun } from './run-list.ts'
import { percentOf, stateText } from './run-text.ts'

const isOver = ({ state }: RunStatus): boolean => state !== 'running' && state !== 'starting'

/** Whether the attempt that was asked for at a time is over: what is known may still be of the one before. */
const hasEnded = (run: RunStatus, since: number): boolean =>
  isOver(run) && ((run.startedAt ?? 0) >= since || run.error?.code === 'not-started')

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
    return new Promise<RunStatus>(resolve => {
      let shown = 0
      const look = ({ run: now }: ShownRun): void => {
        if (now.id !== run.id) return
        const percent = percentOf(now.progress) ?? 0
        progress.report({ message: stateText(now), increment: Math.max(0, percent - shown) })
        shown = percent
        if (!hasEnded(now, since)) return
        listening.dispose()
        resolve(now)
      }
      const listening = runs.onChange(look)
      // It may have ended before anybody listened.
      const known = runs.find(run.id)
      if (known) look(known)
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
