import { basename } from 'node:path'
import * as vscode from 'vscode'
import type { EngineClient } from '../../engine-client/index.ts'
import { visibleText } from '../../shared/visible-text.ts'
import { uriOf } from '../paths.ts'
import type { RunList } from '../runs/run-list.ts'
import { runLines } from './run-lines.ts'

/** Longer lines are of nobody's use; a message may have a path in it. */
const MAX_LINE = 4000
const CONTROL_C = '\x03'
/** A window that is loaded again closes its terminals too, and the extension is gone before this is over: the run goes on. */
const CLOSE_MS = 2000

/**
 * Where a task shows the run of a recipe. Its exit code is 0 for a result, else 1; closing it stops the run.
 * @param recipe a path, absolute or in the folder
 * @param ended aborted when the extension ends
 */
export function runTerminal(
  client: EngineClient,
  runs: RunList,
  folder: vscode.WorkspaceFolder,
  recipe: string,
  ended: AbortSignal,
): vscode.Pseudoterminal {
  const written = new vscode.EventEmitter<string>()
  const closed = new vscode.EventEmitter<number>()
  const stop = new AbortController()
  // Names and messages come from files: none of them moves the cursor.
  const write = (text: string): void => {
    for (const line of text.split('\n')) written.fire(line === '' ? '\r\n' : `${visibleText(line, MAX_LINE)}\r\n`)
  }
  const run = async (): Promise<number> => {
    try {
      return await runLines(client, runs, recipeUri(folder, recipe), write, stop.signal)
    } catch (error) {
      write(`${basename(recipe)}: ${(error as Error).message}`)
      return 1
    }
  }
  return {
    onDidWrite: written.event,
    onDidClose: closed.event,
    open: () => void run().then(code => closed.fire(code)),
    close() {
      setTimeout(() => ended.aborted || stop.abort(), CLOSE_MS)
    },
    handleInput: data => data.includes(CONTROL_C) && stop.abort(),
  }
}

const recipeUri = ({ uri }: vscode.WorkspaceFolder, recipe: string): vscode.Uri =>
  /^([\\/]|[A-Za-z]:)/.test(recipe) ? uriOf(recipe) : vscode.Uri.joinPath(uri, recipe.replaceAll('\\', '/'))
