import * as vscode from 'vscode'
import { compareModels } from './compare-models.ts'
import { viewerContribution } from './contribution.ts'
import { type ModelDocument, openModelDocument, type ReaderOf } from './model-document.ts'
import { showPage } from './show-page.ts'

/**
 * Registers the viewers and the comparison.
 * @param readerOf the reader in the engine's process; called when the first model is shown
 */
export function registerModelViewers(context: vscode.ExtensionContext, readerOf: ReaderOf): void {
  const provider: vscode.CustomReadonlyEditorProvider<ModelDocument> = {
    openCustomDocument: uri => openModelDocument(uri, context.globalStorageUri, readerOf),
    resolveCustomEditor(document, panel) {
      const shown = { kind: 'model', path: document.path, header: document.header } as const
      const session = showPage(panel, shown, context.extensionUri, readerOf)
      const changes = document.onDidChange(() => void session.refresh())
      panel.onDidDispose(() => changes.dispose())
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
