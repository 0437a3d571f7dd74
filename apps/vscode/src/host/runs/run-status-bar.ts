import { basename } from 'node:path'
import * as vscode from 'vscode'
import type { RunList } from './run-list.ts'
import { stateText } from './run-text.ts'

/** The newest run that is at work; a click shows them all. */
export function runStatusBar(runs: RunList): vscode.Disposable {
  const item = vscode.window.createStatusBarItem('sinter.runs', vscode.StatusBarAlignment.Left)
  item.name = 'Sinter'
  item.command = 'sinter.showRuns'
  const show = (): void => {
    const active = runs.all().find(({ run }) => run.state === 'running')
    if (active) item.text = `$(sync~spin) ${basename(active.run.out).replaceAll('$(', '$ (')}: ${stateText(active.run)}`
    if (active) item.show()
    else item.hide()
  }
  return vscode.Disposable.from(item, runs.onChange(show))
}
