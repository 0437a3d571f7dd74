import * as vscode from 'vscode'
import { compareModels } from './compare-models.ts'
import { viewerContribution } from './contribution.ts'
import { type ModelDocument, openModelDocument, type ReaderOf } from './model-document.ts'
import type { ViewSession } from './session.ts'
import { showPage } from './show-page.ts'

/**
 * Registers the viewers and the comparison.
 * @param readerOf the reader in the engine's process; called when the first model is shown
 */
export function registerModelViewers(context: vscode.ExtensionContext, readerOf: ReaderOf): void {
  const open = new Map<vscode.WebviewPanel, ViewSession>()
  const provider: vscode.CustomReadonlyEditorProvider<ModelDocument> = {
    openCustomDocument: uri => openModelDocument(uri, context.globalStorageUri, readerOf),
    resolveCustomEditor(document, panel) {
      const shown = { kind: 'model', path: document.path, header: document.header } as const
      const session = showPage(panel, shown, context.extensionUri, readerOf, tensor => follow(open, panel, tensor))
      const changes = document.onDidChange(() => void session.refresh())
      open.set(panel, session)
      panel.onDidDispose(() => {
        open.delete(panel)
        changes.dispose()
      })
    },
  }
  for (const { viewType } of viewerContribution.customEditors)
    context.subscriptions.push(
      vscode.window.registerCustomEditorProvider(viewType, provider, { supportsMultipleEditorsPerDocument: true }),
    )
  context.subscriptions.push(
    vscode.commands.registerCommand('sinter.compare', (clicked?: vscode.Uri, selected?: vscode.Uri[]) =>
      compareModels(context, readerOf, clicked, selected),
    ),
  )
}

/** The other side of a diff shows the tensor that was chosen on one: only there are two editors of one group seen at once. */
function follow(open: ReadonlyMap<vscode.WebviewPanel, ViewSession>, from: vscode.WebviewPanel, tensor: string): void {
  for (const [panel, session] of open)
    if (panel !== from && panel.visible && panel.viewColumn === from.viewColumn) session.choose(tensor)
}
