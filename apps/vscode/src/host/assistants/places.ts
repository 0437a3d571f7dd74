import { normalize } from 'node:path'
import * as vscode from 'vscode'
import { isReadable, pathOf } from '../paths.ts'

/**
 * The path of a file that an assistant named: in the workspace, or it is not there.
 * @throws Error for what lies elsewhere, and for a workspace that is on no disk
 */
export function inWorkspace(given: unknown): string {
  if (typeof given !== 'string' || given === '') throw new Error(vscode.l10n.t('A path in the workspace is missing.'))
  const root = workspaceFolder().uri
  const isAbsolute = /^([\\/]|[A-Za-z]:)/.test(given)
  const uri = isAbsolute ? vscode.Uri.file(normalize(given)) : vscode.Uri.joinPath(root, given)
  if (!vscode.workspace.getWorkspaceFolder(uri))
    throw new Error(vscode.l10n.t('{0} lies outside of the workspace.', given))
  return pathOf(uri)
}

/** Where relative paths begin, and runs are kept. @throws Error when no folder is open */
export function workspaceFolder(): vscode.WorkspaceFolder {
  const folder = vscode.workspace.workspaceFolders?.[0]
  if (folder && isReadable(folder.uri)) return folder
  throw new Error(vscode.l10n.t('Open a folder first: runs are kept in it.'))
}
