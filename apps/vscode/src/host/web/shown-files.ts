import type * as vscode from 'vscode'

const shown = new Map<string, { readonly uri: vscode.Uri; times: number }>()

/** Lets the engine read a file that the user has opened, wherever it lies. @returns takes that back */
export function showFile(uri: vscode.Uri): () => void {
  const entry = shown.get(uri.path) ?? { uri, times: 0 }
  shown.set(uri.path, entry)
  entry.times++
  return () => {
    if (--entry.times === 0) shown.delete(uri.path)
  }
}

export const shownFile = (path: string): vscode.Uri | undefined => shown.get(path)?.uri
