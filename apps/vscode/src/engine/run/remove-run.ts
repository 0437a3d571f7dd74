import { removeRunFolder } from '@sinter/engine'
import { readRun } from '../../runs/read-runs.ts'
import { runFolder } from '../../runs/run-folder.ts'
import { isOver } from '../../shared/run-status.ts'

/**
 * Removes what is kept of a run that is over. Its result stays, and so does its unfinished work.
 * @throws RangeError when there is no such run, or it is not over; as `removeRunFolder` does
 */
export async function removeRun(workspace: string, id: string): Promise<void> {
  const run = await readRun(workspace, id)
  if (!run) throw new RangeError(`there is no run ${id} in ${workspace}`)
  if (!isOver(run)) throw new RangeError(`run ${id} is ${run.state}: stop it first`)
  await removeRunFolder(runFolder(workspace, id))
}
