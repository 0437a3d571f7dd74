import { basename } from 'node:path'
import * as vscode from 'vscode'
import type { EngineClient } from '../../engine-client/index.ts'
import { tryStrings } from '../../shared/try-strings.ts'
import { openPage, translated } from '../open-page.ts'
import { chooseRun, isDone } from '../runs/choose-run.ts'
import { resultPath } from '../runs/result-path.ts'
import type { RunList, ShownRun } from '../runs/run-list.ts'
import { trySession } from './try-session.ts'

/** *Try It*: the original and the result of a run continue the same prompt. */
export function registerTryIt(
  { extensionUri }: vscode.ExtensionContext,
  client: EngineClient,
  runs: RunList,
): vscode.Disposable {
  return vscode.commands.registerCommand('sinter.tryIt', (clicked?: ShownRun) =>
    tryIt(extensionUri, client, runs, clicked).catch((error: Error) => vscode.window.showErrorMessage(error.message)),
  )
}

async function tryIt(
  extension: vscode.Uri,
  client: EngineClient,
  runs: RunList,
  clicked: ShownRun | undefined,
): Promise<void> {
  if (!vscode.workspace.isTrusted)
    throw new Error(vscode.l10n.t('Nothing runs in Restricted Mode: trust this folder first.'))
  const shown = await chooseRun(runs, clicked, isDone, {
    placeHolder: vscode.l10n.t('The run whose result to try'),
    missing: vscode.l10n.t('No run of this folder has a result yet.'),
  })
  if (!shown) return
  const { model, out } = shown.run
  const models = {
    original: { path: model, name: basename(model) },
    compressed: { path: await resultPath(shown), name: basename(out) },
  }
  const title = vscode.l10n.t('Try {name}', { name: basename(out) })
  const panel = vscode.window.createWebviewPanel('sinter.tryIt', title, vscode.ViewColumn.Active)
  const threads = vscode.workspace.getConfiguration('sinter').get('threads', 0)
  const session = trySession(client, models, message => void panel.webview.postMessage(message), {
    strings: translated(tryStrings),
    ...(threads > 0 && { threads }),
  })
  panel.webview.onDidReceiveMessage(message => session.receive(message))
  panel.onDidDispose(() => session.dispose())
  openPage(panel.webview, extension, 'try')
}
