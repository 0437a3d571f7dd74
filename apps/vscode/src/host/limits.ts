import * as vscode from 'vscode'
import type { Limits } from '../shared/recipe-checker.ts'

/** What a run may take, by the settings; 0 there leaves it to the engine. */
export function limitsOf(scope: vscode.Uri): Limits {
  const settings = vscode.workspace.getConfiguration('sinter', scope)
  const [threads, mebibytes] = [settings.get('threads', 0), settings.get('memory', 0)]
  return { ...(threads > 0 && { threads }), ...(mebibytes > 0 && { memory: mebibytes * 2 ** 20 }) }
}
