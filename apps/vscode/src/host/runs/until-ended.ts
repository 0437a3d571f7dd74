import { isOver, type RunStatus } from '../../shared/run-status.ts'
import type { RunList, ShownRun } from './run-list.ts'

/**
 * Follows a run that somebody has just asked for, until it ends.
 * @param since when it was asked for, milliseconds since 1970: what is known may still be of the attempt before
 */
export function untilEnded(
  runs: RunList,
  id: string,
  since: number,
  onChange: (run: RunStatus) => void,
): Promise<RunStatus> {
  return new Promise(resolve => {
    const look = ({ run }: ShownRun): void => {
      if (run.id !== id) return
      onChange(run)
      if (!isOver(run) || (run.endedAt ?? 0) < since) return
      listening.dispose()
      resolve(run)
    }
    const listening = runs.onChange(look)
    // It may have ended before anybody listened.
    const known = runs.find(id)
    if (known) look(known)
  })
}
