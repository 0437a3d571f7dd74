import * as vscode from 'vscode'

/** Shows a text as an unsaved file that is already named: one key saves it. */
export async function openUnsaved(place: vscode.Uri, text: string): Promise<void> {
  const document = await vscode.workspace.openTextDocument(place.with({ scheme: 'untitled' }))
  const edit = new vscode.WorkspaceEdit()
  edit.insert(document.uri, new vscode.Position(0, 0), text)
  await vscode.workspace.applyEdit(edit)
  await vscode.window.showTextDocument(document)
}

/**
 * The first name of a recipe that nothing has: `NAME.sinter.jsonc`, `NAME-2.sinter.jsonc` …
 * @param first where to begin; 2 leaves out the bare name
 * @param isFree what else must hold of the name without its ending
 */
export async function freePlace(
  folder: vscode.Uri,
  name: string,
  first = 1,
  isFree: (place: vscode.Uri) => Promise<boolean> = async () => true,
): Promise<vscode.Uri> {
  for (let n = first; ; n++) {
    const bare = n === 1 ? name : `${name}-${n}`
    const place = vscode.Uri.joinPath(folder, `${bare}.sinter.jsonc`)
    const isOpen = vscode.workspace.textDocuments.some(({ uri }) => uri.path === place.path)
    if (!isOpen && !(await exists(place)) && (await isFree(vscode.Uri.joinPath(folder, bare)))) return place
  }
}

export const exists = (uri: vscode.Uri): Thenable<boolean> =>
  vscode.workspace.fs.stat(uri).then(
    () => true,
    () => false,
  )
