import * as vscode from 'vscode'
import type { EngineClient } from '../../engine-client/index.ts'
import type { RecipeParams, RunStartResult } from '../../shared/protocol.ts'
import { limitsOf } from '../limits.ts'
import { pathOf, uriOf } from '../paths.ts'
import { isVirtual } from '../virtual.ts'

export interface Started extends RunStartResult {
  /** The folder that keeps it. */
  readonly workspace: string
  /** When it was asked for, milliseconds since 1970. */
  readonly since: number
}

/**
 * Starts the run of a recipe.
 * @param uri where its paths begin
 * @param text of the recipe, saved or not
 * @param instead of what the recipe says
 * @throws Error where nothing runs
 */
export async function startRun(
  client: EngineClient,
  uri: vscode.Uri,
  text: string,
  instead: Pick<RecipeParams, 'model' | 'out'> = {},
): Promise<Started> {
  requirePlace()
  // One that was not saved yet has a scheme of its own, and a path in the folder that it was opened for.
  const folder = vscode.workspace.getWorkspaceFolder(uriOf(pathOf(uri))) ?? vscode.workspace.workspaceFolders?.[0]
  if (!folder) throw new Error(vscode.l10n.t('Open a folder first: runs are kept in it.'))
  const workspace = pathOf(folder.uri)
  const since = Date.now()
  const given = { workspace, text, path: pathOf(uri), ...instead, parallel: parallelRuns(uri), ...limitsOf(uri) }
  return { ...(await client.request('runStart', given)), workspace, since }
}

/** Also a hidden command can be called. @throws Error where nothing runs, and why */
export function requirePlace(): void {
  if (!vscode.workspace.isTrusted)
    throw new Error(vscode.l10n.t('Nothing runs in Restricted Mode: trust this folder first.'))
  if (isVirtual()) throw new Error(vscode.l10n.t('Compressing needs files on a disk, and this workspace has none.'))
}

/** How many runs may be at work at once. */
export const parallelRuns = (scope: vscode.Uri): number =>
  vscode.workspace.getConfiguration('sinter', scope).get('parallelRuns', 1)
