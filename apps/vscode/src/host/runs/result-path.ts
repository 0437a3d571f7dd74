import { join } from 'node:path'
import * as vscode from 'vscode'
import { runFolder } from '../../engine-client/index.ts'
import { object, text } from '../../shared/guard.ts'
import { uriOf } from '../paths.ts'
import type { ShownRun } from './run-list.ts'

const result = object({ path: text(32_768) })

/** Where the result of a run lies: a folder, or the file that the run made in the folder that was asked for. @throws Error when it is gone */
export async function resultPath({ workspace, run }: ShownRun): Promise<string> {
  try {
    const bytes = await vscode.workspace.fs.readFile(uriOf(join(runFolder(workspace, run.id), 'result.json')))
    const { path } = result(JSON.parse(new TextDecoder().decode(bytes)), 'result')
    await vscode.workspace.fs.stat(uriOf(path))
    return path
  } catch {
    throw new Error(vscode.l10n.t('The result of this run is no longer there: {path}', { path: run.out }))
  }
}
