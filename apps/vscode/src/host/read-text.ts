import * as vscode from 'vscode'

/** More than any recipe has. */
const MAX_BYTES = 2 ** 20

/** The text of a small file, without opening it in the editor. @throws Error when it is larger than a recipe can be, or cannot be read */
export async function readText(uri: vscode.Uri): Promise<string> {
  const { size } = await vscode.workspace.fs.stat(uri)
  if (size > MAX_BYTES) throw new Error(vscode.l10n.t('{size} bytes are more than a recipe has.', { size }))
  return new TextDecoder().decode(await vscode.workspace.fs.readFile(uri))
}
