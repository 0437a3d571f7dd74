import { basename } from 'node:path'
import * as vscode from 'vscode'
import { uriOf } from '../paths.ts'
import type { RunList, ShownRun } from './run-list.ts'

/** The report has its pictures and styles in itself; nothing else is loaded, and nothing runs. */
const POLICY = `default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:`

/** Shows the report of a run; without one that was clicked, of one that is picked. */
export async function openReport(runs: RunList, clicked: ShownRun | undefined): Promise<void> {
  const shown = clicked ?? (await pick(runs))
  const report = shown?.run.report
  if (!shown || !report) return
  const text = new TextDecoder().decode(await vscode.workspace.fs.readFile(uriOf(report.html)))
  const panel = vscode.window.createWebviewPanel('sinter.report', basename(shown.run.out), vscode.ViewColumn.Active, {
    enableScripts: false,
    localResourceRoots: [],
  })
  panel.webview.html = text.replace('<head>', `<head><meta http-equiv="Content-Security-Policy" content="${POLICY}">`)
}

async function pick(runs: RunList): Promise<ShownRun | undefined> {
  const items = runs
    .all()
    .filter(({ run }) => run.report)
    .map(shown => ({ label: basename(shown.run.out), description: shown.run.methods.join(', '), shown }))
  if (items.length === 0) throw new Error(vscode.l10n.t('No run of this folder has a report yet.'))
  return (await vscode.window.showQuickPick(items, { placeHolder: vscode.l10n.t('The run whose report to open') }))
    ?.shown
}
