import { lstat, rm } from 'node:fs/promises'
import { SinterError } from '@sinter/model'
import { lockRun } from '../run/run-lock.ts'

/**
 * Removes the folder that keeps a run. Whether the run is over is for the caller to know; that no process has it is seen to here, since
 * somebody may resume it at this moment.
 * @throws RunError `journal-busy` while a process has it; SinterError `unknown-name` for a link, which leads out of the folder of runs
 */
export async function removeRunFolder(folder: string): Promise<void> {
  if (!(await lstat(folder)).isDirectory())
    throw new SinterError(
      'unknown-name',
      `${folder}: expected the folder of a run, got a link or a file; delete it by hand`,
    )
  const unlock = await lockRun(folder)
  try {
    await rm(folder, { recursive: true, force: true, maxRetries: 5 })
  } finally {
    await unlock()
  }
}
