import { basename } from 'node:path'
import * as vscode from 'vscode'
import type { RunList, ShownRun } from './run-list.ts'

/**
 * The run that was clicked, or one that is picked from those that fit.
 * @param missing what is said when none does
 * @throws Error with that
 */
export async function chooseRun(
  runs: RunList,
  clicked: ShownRun | undefined,
  fits: (shown: ShownRun) => boolean,
  { placeHolder, missing }: { readonly placeHolder: string; readonly missing: string },
): Promise<ShownRun | undefined> {
  if (clicked) return clicked
  const items = runs
    .all()
    .filter(fits)
    .map(shown => ({ label: basename(shown.run.out), description: shown.run.methods.join(', '), shown }))
  if (items.length === 0) throw new Error(missing)
  return (await vscode.window.showQuickPick(items, { placeHolder }))?.shown
}

export const isDone = ({ run }: ShownRun): boolean => run.state === 'done'
