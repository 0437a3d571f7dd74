import { basename } from 'node:path'
import * as vscode from 'vscode'
import { isOver, type RunStatus } from '../../shared/run-status.ts'
import type { RunList, ShownRun } from './run-list.ts'

/**
 * Follows a run until it is as asked.
 * @param onChange is told of all that comes before, and of the last
 * @throws Error when its record is removed
 */
export function untilRun(
  runs: RunList,
  id: string,
  isIt: (run: RunStatus) => boolean,
  onChange?: (run: RunStatus) => void,
): Promise<RunStatus> {
  return new Promise((resolve, reject) => {
    const look = ({ run }: ShownRun): void => {
      if (run.id !== id) return
      onChange?.(run)
      if (!isIt(run)) return
      end()
      resolve(run)
    }
    const listening = runs.onChange(look)
    const leaving = runs.onGone(({ run }) => {
      if (run.id !== id) return
      end()
      reject(new Error(vscode.l10n.t('The record of {name} was removed.', { name: basename(run.out) })))
    })
    const end = (): void => {
      listening.dispose()
      leaving.dispose()
    }
    // It may be so before anybody listened.
    const known = runs.find(id)
    if (known) look(known)
  })
}

/** Whether what was asked for at a time, milliseconds since 1970, is over: what is known may still be of the attempt before. */
export const hasEnded = (run: RunStatus, since: number): boolean => isOver(run) && (run.endedAt ?? 0) >= since
