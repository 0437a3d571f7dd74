import { join, posix } from 'node:path'
import * as vscode from 'vscode'
import { runFolder } from '../../engine-client/index.ts'
import { object, record, text } from '../../shared/guard.ts'
import { relativePath } from '../../shared/recipe-text.ts'
import { pathOf, uriOf } from '../paths.ts'
import { readText } from '../read-text.ts'
import { exists, freePlace, openUnsaved } from '../recipes/unsaved-recipe.ts'
import type { RunList, ShownRun } from './run-list.ts'

/** What of `run.json` a recipe is made from. */
interface Asked {
  readonly recipePath: string
  readonly recipe: Readonly<Record<string, unknown>>
  readonly model: string
}

const asked = object<Asked>({ recipePath: text(32_768), recipe: record, model: text(32_768) })

/**
 * *Re-run With Changes*: the recipe that a run had, as a new one beside the original, to be changed and run. Its name is one whose result
 * is not there, for results are named after their recipes.
 */
export async function rerun(runs: RunList, { workspace, run }: ShownRun): Promise<void> {
  const { recipePath, recipe, model } = await readAsked(workspace, run.id)
  const root = uriOf(workspace)
  const folder = folderOf(recipePath, root)
  const outs = new Set(runs.all().map(other => other.run.out))
  const isFree = async (out: vscode.Uri): Promise<boolean> => !outs.has(pathOf(out)) && !(await exists(out))
  const place = await freePlace(folder, nameOf(recipePath), 2, isFree)
  const shown = (path: string): string => shownPath(path, folder, root)
  const { version, model: _, ...rest } = recipe
  const changed: Record<string, unknown> = { version, model: shown(model), ...rest }
  for (const key of ['calibration', 'evaluate']) {
    const part = changed[key]
    if (hasText(part)) changed[key] = { ...part, text: shown(part.text) }
  }
  await openUnsaved(place, `${JSON.stringify(changed, undefined, 2)}\n`)
}

async function readAsked(workspace: string, id: string): Promise<Asked> {
  const file = uriOf(join(runFolder(workspace, id), 'run.json'))
  try {
    return asked(JSON.parse(await readText(file)), 'run')
  } catch (error) {
    const { message } = error as Error
    throw new Error(vscode.l10n.t('The recipe of this run cannot be read: {message}', { message }))
  }
}

/** Beside the original, if that is in the workspace. */
function folderOf(recipePath: string, root: vscode.Uri): vscode.Uri {
  try {
    const folder = vscode.Uri.joinPath(uriOf(recipePath), '..')
    return isInside(folder, root) ? folder : root
  } catch {
    return root
  }
}

const isInside = ({ path }: vscode.Uri, { path: root }: vscode.Uri): boolean =>
  path === root || path.startsWith(root.replace(/\/?$/, '/'))

/** `small-2.sinter.jsonc`: `small`. */
const nameOf = (recipePath: string): string =>
  posix
    .basename(recipePath.replaceAll('\\', '/'))
    .replace(/(\.sinter)?\.(jsonc?|ya?ml)$/, '')
    .replace(/-\d+$/, '')

const hasText = (part: unknown): part is { readonly text: string } =>
  typeof part === 'object' && part !== null && 'text' in part && typeof part.text === 'string'

/** Relative to the recipe, as people write it, for what lies in the workspace. */
function shownPath(path: string, folder: vscode.Uri, root: vscode.Uri): string {
  try {
    const uri = uriOf(path)
    return isInside(uri, root) ? relativePath(folder.path, uri.path) : path
  } catch {
    return path
  }
}
