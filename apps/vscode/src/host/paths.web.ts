import * as vscode from 'vscode'

/** As its namesake: the worker knows files by the paths of their addresses, on every system. */
export const pathOf = (uri: vscode.Uri): string => uri.path

/** The address of a path, which lies in a folder of the workspace. @throws Error when it does not */
export function uriOf(path: string): vscode.Uri {
  const folder = folderOf(path)
  if (!folder) throw new Error(vscode.l10n.t('{0} lies outside of the workspace.', path))
  return folder.uri.with({ path })
}

/** The folder of the workspace that holds a path. One that climbs has none. */
export const folderOf = (path: string): vscode.WorkspaceFolder | undefined =>
  /(^|\/)\.\.?(\/|$)/.test(path)
    ? undefined
    : vscode.workspace.workspaceFolders?.find(
        ({ uri }) => path === uri.path || path.startsWith(uri.path.replace(/\/?$/, '/')),
      )

export const isReadable = (_uri: vscode.Uri): boolean => true
