import type * as vscode from 'vscode'
import { showFile } from '../web/shown-files.ts'
import type { LocalFile } from './local-file.ts'

/** As its namesake: the worker asks for the file by its path, also when it lies outside of the workspace. */
export async function localFile(uri: vscode.Uri, _storage: vscode.Uri): Promise<LocalFile> {
  return { path: uri.path, dispose: showFile(uri) }
}
