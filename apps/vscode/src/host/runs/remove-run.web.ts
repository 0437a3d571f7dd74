import * as vscode from 'vscode'

/** As its namesake: here the engine writes into the workspace and deletes nothing there, so a run would come back. */
export async function removeRun(): Promise<void> {
  throw new Error(vscode.l10n.t('This needs the extension on a computer; on the web it is not there.'))
}
