import * as vscode from 'vscode'

/** The path by which the engine knows a file. */
export const pathOf = (uri: vscode.Uri): string => uri.fsPath

export const uriOf = (path: string): vscode.Uri => vscode.Uri.file(path)

/** Whether the engine can read what lies there. */
export const isReadable = (uri: vscode.Uri): boolean => uri.scheme === 'file'
