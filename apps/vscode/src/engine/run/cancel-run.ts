import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { readRun } from '../../runs/read-runs.ts'
import { runFiles, runFolder } from '../../runs/run-folder.ts'
import { isOver, type RunStatus } from '../../shared/run-status.ts'

export interface CancelDeadlines {
  /** Until the process gets a SIGTERM, and until a SIGKILL, counted from the request. Milliseconds. */
  readonly termMs?: number | undefined
  readonly killMs?: number | undefined
}

const POLL_MS = 100

/**
 * Stops a run: it is asked to, then told to, then ended; whichever it was, it can be resumed. A long product hears nothing for some
 * seconds, hence the patience.
 * @returns its status when it has stopped, or when somebody has already resumed it
 * @throws RangeError when there is no such run
 */
export async function cancelRun(
  workspace: string,
  id: string,
  { termMs = 3000, killMs = 30_000 }: CancelDeadlines = {},
): Promise<RunStatus> {
  const folder = runFolder(workspace, id)
  const started = Date.now()
  let sent: NodeJS.Signals | undefined
  let asked = false
  let pid: number | null = null
  while (true) {
    const run = await readRun(workspace, id)
    if (!run) throw new RangeError(`there is no run ${id} in ${workspace}`)
    // Between two looks it may have stopped and been resumed: the process that is there now was not meant.
    if (isOver(run) || (pid !== null && run.pid !== pid)) return run
    pid = run.pid
    if (!asked) await writeFile(join(folder, runFiles.cancel), '')
    asked = true
    const waited = Date.now() - started
    const next = waited >= killMs ? 'SIGKILL' : waited >= termMs ? 'SIGTERM' : undefined
    if (next !== sent && pid !== null) signal(pid, next)
    sent = next
    await setTimeout(POLL_MS)
  }
}

/** It may have ended a moment ago. */
function signal(pid: number, name: NodeJS.Signals | undefined): void {
  try {
    if (name) process.kill(pid, name)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
