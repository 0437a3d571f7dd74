import { basename } from 'node:path'
import * as vscode from 'vscode'
import type { RunList } from './run-list.ts'
import { stateText } from './run-text.ts'

/** The newest run that is at work, and how many wait; a click shows them all. */
export function runStatusBar(runs: RunList): vscode.Disposable {
  const item = vscode.window.createStatusBarItem('sinter.runs', vscode.StatusBarAlignment.Left)
  item.name = 'Sinter'
  item.command = 'sinter.showRuns'
  const show = (): void => {
    const active = runs.all().find(({ run }) => run.state === 'running')
    const waiting = runs.all().filter(({ run }) => run.state === 'queued').length
    const texts = [
      ...(active ? [`${basename(active.run.out).replaceAll('$(', '$ (')}: ${stateText(active.run)}`] : []),
      ...(waiting > 0 ? [vscode.l10n.t('{count} waiting', { count: waiting })] : []),
    ]
    item.text = `$(${active ? 'sync~spin' : 'clock'}) ${texts.join(', ')}`
    if (texts.length > 0) item.show()
    else item.hide()
  }
  return vscode.Disposable.from(item, runs.onChange(show), runs.onGone(show))
}
