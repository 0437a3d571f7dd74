import { basename } from 'node:path'
import * as vscode from 'vscode'
import type { EngineClient } from '../../engine-client/index.ts'
import { reportStrings } from '../../shared/report-strings.ts'
import { openPage, translated } from '../open-page.ts'
import { pathOf } from '../paths.ts'
import { chooseRun } from '../runs/choose-run.ts'
import type { RunList, ShownRun } from '../runs/run-list.ts'
import { type ReportSource, reportSession } from './report-session.ts'
import { runPoints } from './run-points.ts'

/** *Open Report*: of a run, or of a file in the Explorer. */
export function registerReport(
  { extensionUri }: Pick<vscode.ExtensionContext, 'extensionUri'>,
  client: EngineClient,
  runs: RunList,
): vscode.Disposable {
  return vscode.commands.registerCommand('sinter.openReport', async (clicked?: ShownRun | vscode.Uri) => {
    try {
      const shown = clicked && 'run' in clicked ? clicked : undefined
      if (clicked && !shown) showReport(extensionUri, client, runs, fileSource(pathOf(clicked as vscode.Uri), runs))
      else {
        const chosen = await chooseRun(runs, shown, ({ run }) => run.report !== null, {
          placeHolder: vscode.l10n.t('The run whose report to open'),
          missing: vscode.l10n.t('No run of this folder has a report yet.'),
        })
        if (chosen) showReport(extensionUri, client, runs, runSource(chosen, runs))
      }
    } catch (error) {
      void vscode.window.showErrorMessage((error as Error).message)
    }
  })
}

interface NamedSource extends ReportSource {
  readonly name: string
}

/** @throws Error for a run that has none */
function runSource(shown: ShownRun, runs: RunList): NamedSource {
  const { report, out } = shown.run
  if (!report) throw new Error(vscode.l10n.t('This run has no report.'))
  return { path: report.json, name: basename(out), points: () => runPoints(runs.all(), shown) }
}

/** A report beside a result: that of a run when the result is one of a run that is known. */
function fileSource(clicked: string, runs: RunList): NamedSource {
  const path = clicked.replace(/\.html$/, '.json')
  const result = path.replace(/\.report\.json$/, '')
  const known = runs.all().find(({ run }) => run.report && run.out.replace(/\.gguf$/, '') === result)
  return { path, name: basename(result), points: () => (known ? runPoints(runs.all(), known) : []) }
}

function showReport(extension: vscode.Uri, client: EngineClient, runs: RunList, first: NamedSource): void {
  const title = (name: string): string => vscode.l10n.t('Report: {name}', { name })
  const panel = vscode.window.createWebviewPanel('sinter.report', title(first.name), vscode.ViewColumn.Active, {
    retainContextWhenHidden: true,
  })
  const session = reportSession(client, first, message => void panel.webview.postMessage(message), {
    strings: translated(reportStrings),
    onOpen(id) {
      const chosen = runs.find(id)
      if (!chosen?.run.report) return
      const next = runSource(chosen, runs)
      panel.title = title(next.name)
      void session.show(next)
    },
  })
  const changes = vscode.Disposable.from(
    runs.onChange(() => session.update()),
    runs.onGone(() => session.update()),
  )
  panel.webview.onDidReceiveMessage(message => void session.receive(message))
  panel.onDidDispose(() => changes.dispose())
  openPage(panel.webview, extension, 'report')
}
