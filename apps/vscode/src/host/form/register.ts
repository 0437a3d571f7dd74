import { posix } from 'node:path'
import { type Edit, findNodeAtLocation } from 'jsonc-parser'
import * as vscode from 'vscode'
import type { EngineClient } from '../../engine-client/index.ts'
import type { FormAction, FormMark, Path } from '../../shared/form-messages.ts'
import { formStrings } from '../../shared/form-strings.ts'
import { openPage, translated } from '../open-page.ts'
import { recipeOf, tellNoRecipe } from '../recipes/recipe-of.ts'
import { isVirtual } from '../virtual.ts'
import { formMarks } from './form-marks.ts'
import { formSession } from './form-session.ts'
import { readRecipe } from './read-recipe.ts'

const VIEW_TYPE = 'sinter.recipe'

const commands: Readonly<Record<FormAction, string>> = {
  plan: 'sinter.plan',
  run: 'sinter.run',
  estimate: 'sinter.estimate',
}

/** Recipes as a form, for those who prefer it. */
export function registerRecipeForm(
  { extensionUri }: Pick<vscode.ExtensionContext, 'extensionUri'>,
  client: EngineClient,
): vscode.Disposable {
  const provider: vscode.CustomTextEditorProvider = {
    resolveCustomTextEditor: (document, panel) => showForm(extensionUri, client, document, panel),
  }
  return vscode.Disposable.from(
    vscode.window.registerCustomEditorProvider(VIEW_TYPE, provider, { supportsMultipleEditorsPerDocument: true }),
    vscode.commands.registerCommand('sinter.openForm', async (clicked?: vscode.Uri) => {
      const document = await recipeOf(clicked)
      if (!document) return tellNoRecipe()
      return vscode.commands.executeCommand('vscode.openWith', document.uri, VIEW_TYPE)
    }),
  )
}

function showForm(
  extension: vscode.Uri,
  client: EngineClient,
  document: vscode.TextDocument,
  { webview, onDidDispose }: vscode.WebviewPanel,
): void {
  const { uri } = document
  // Marks are of the text that they were made for; by their paths they stay right until the next ones.
  let marks: readonly FormMark[] = formMarks(document)
  const session = formSession(
    {
      schema: async () => (await client.request('schema', { kind: 'compress' })).schema,
      text: () => document.getText(),
      version: () => document.version,
      marks: () => marks,
      canRun: () => vscode.workspace.isTrusted && !isVirtual(),
      apply: edits => applyTo(document, edits),
      act: action => void vscode.commands.executeCommand(commands[action], uri),
      showText: path => void showText(document, path),
    },
    message => void webview.postMessage(message),
    translated(formStrings),
  )
  const listening = vscode.Disposable.from(
    webview.onDidReceiveMessage(message => {
      session.receive(message).catch((error: Error) => vscode.window.showErrorMessage(error.message))
    }),
    vscode.workspace.onDidChangeTextDocument(event => event.document === document && session.update()),
    vscode.languages.onDidChangeDiagnostics(({ uris }) => {
      if (!uris.some(one => one.toString() === uri.toString())) return
      marks = formMarks(document)
      session.update()
    }),
    vscode.workspace.onDidGrantWorkspaceTrust(() => session.update()),
  )
  onDidDispose(() => listening.dispose())
  openPage(webview, extension, 'form')
}

async function applyTo(document: vscode.TextDocument, edits: readonly Edit[]): Promise<void> {
  const edit = new vscode.WorkspaceEdit()
  for (const { offset, length, content } of edits)
    edit.replace(document.uri, rangeOf(document, offset, length), content)
  if (!(await vscode.workspace.applyEdit(edit)))
    throw new Error(vscode.l10n.t('{name} could not be changed.', { name: posix.basename(document.uri.path) }))
}

const rangeOf = (document: vscode.TextDocument, offset: number, length: number): vscode.Range =>
  new vscode.Range(document.positionAt(offset), document.positionAt(offset + length))

/** Beside the form, or where the text is open already. */
async function showText(document: vscode.TextDocument, path: Path): Promise<void> {
  const read = readRecipe(document.getText())
  const node = read.tree && findNodeAtLocation(read.tree, [...path])
  const selection = read.tree
    ? node && path.length > 0 && rangeOf(document, node.offset, node.length)
    : rangeOf(document, read.offset, 0)
  const open = vscode.window.visibleTextEditors.find(editor => editor.document === document)
  await vscode.window.showTextDocument(document, {
    viewColumn: open?.viewColumn ?? vscode.ViewColumn.Beside,
    ...(selection && { selection }),
  })
}
