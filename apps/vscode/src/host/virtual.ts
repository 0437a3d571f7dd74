import * as vscode from 'vscode'

/** Whether the workspace lies on no disk, in a repository elsewhere for instance. The editor tells this to the manifest only. */
export function isVirtual(): boolean {
  const folders = vscode.workspace.workspaceFolders ?? []
  return folders.length > 0 && folders.every(({ uri }) => uri.scheme !== 'file' && uri.scheme !== 'vscode-remote')
}
