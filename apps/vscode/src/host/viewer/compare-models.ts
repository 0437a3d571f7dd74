import { basename } from 'node:path'
import * as vscode from 'vscode'
import type { Comparison } from '../../shared/model-reader.ts'
import { COMPARISON_VIEW } from './contribution.ts'
import { localFile } from './local-file.ts'
import type { ReaderOf } from './model-document.ts'
import { showPage } from './show-page.ts'

/**
 * Shows two models side by side in the editor's own diff, and the error of every tensor beside that.
 * @param clicked and @param selected as the Explorer hands them over; what is missing is asked for
 */
export async function compareModels(
  context: vscode.ExtensionContext,
  readerOf: ReaderOf,
  clicked?: vscode.Uri,
  selected: readonly vscode.Uri[] = [],
): Promise<void> {
  const [before, after] = await twoModels(clicked, selected)
  if (!before || !after) return
  const [nameBefore, nameAfter] = namesOf(before, after)
  await vscode.commands.executeCommand('vscode.diff', before, after, `${nameBefore} ↔ ${nameAfter}`)
  const files = await Promise.all([before, after].map(uri => localFile(uri, context.globalStorageUri)))
  const [a, b] = files.map(({ path }) => path) as [string, string]
  const title = vscode.l10n.t('Error: {0} ↔ {1}', nameBefore, nameAfter)
  const panel = vscode.window.createWebviewPanel(
    COMPARISON_VIEW,
    title,
    { viewColumn: vscode.ViewColumn.Beside, preserveFocus: true },
    // What took minutes to measure is still there after a look at another tab.
    { retainContextWhenHidden: true },
  )
  // Opened once, as it is closed once: a page may begin several times.
  let opened: Promise<Comparison> | undefined
  const comparison = (): Promise<Comparison> => {
    opened ??= readerOf().then(reader => reader.compare(a, b))
    opened.catch(() => (opened = undefined))
    return opened
  }
  const names = { before: nameBefore, after: nameAfter }
  showPage(panel, { kind: 'comparison', before: a, after: b, names, comparison }, context.extensionUri, readerOf)
  panel.onDidDispose(async () => {
    try {
      if (await opened?.catch(() => undefined)) await (await readerOf()).endComparison(a, b)
    } catch {
      // Files of an engine that is gone are closed.
    }
    for (const file of files) file.dispose()
  })
}

async function twoModels(clicked: vscode.Uri | undefined, selected: readonly vscode.Uri[]): Promise<vscode.Uri[]> {
  if (selected.length === 2) return [...selected]
  const before = clicked ?? (await chooseModel(vscode.l10n.t('Compare this model')))
  return before
    ? [before, ...[await chooseModel(vscode.l10n.t('Compare with this model'))].filter(uri => uri !== undefined)]
    : []
}

async function chooseModel(openLabel: string): Promise<vscode.Uri | undefined> {
  const filters = { [vscode.l10n.t('Models')]: ['safetensors', 'gguf', 'onnx', 'json'] }
  return (await vscode.window.showOpenDialog({ openLabel, filters }))?.[0]
}

/** File names, with their folders where they are the same: nearly every model is a `model.safetensors`. */
function namesOf(before: vscode.Uri, after: vscode.Uri): [string, string] {
  const [a, b] = [basename(before.path), basename(after.path)]
  if (a !== b) return [a, b]
  return [vscode.workspace.asRelativePath(before, false), vscode.workspace.asRelativePath(after, false)]
}
