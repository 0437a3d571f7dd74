import { listRuns, readRun } from '../../runs/read-runs.ts'
import type { Handler } from '../handler.ts'
import { cancelRun } from '../run/cancel-run.ts'
import { removeRun } from '../run/remove-run.ts'
import { resumeRun } from '../run/start-run.ts'

export const listOfRuns: Handler<'runList'> = async ({ workspace }) => ({ runs: await listRuns(workspace) })

export const oneRun: Handler<'runStatus'> = async ({ workspace, id }) => {
  const run = await readRun(workspace, id)
  if (!run) throw new RangeError(`there is no run ${id} in ${workspace}`)
  return { run }
}

export const cancel: Handler<'runCancel'> = async ({ workspace, id }) => ({ run: await cancelRun(workspace, id) })

export const remove: Handler<'runRemove'> = async ({ workspace, id }) => {
  await removeRun(workspace, id)
  return {}
}

export const resume: Handler<'runResume'> = async ({ workspace, id, parallel }, { runProgram }) => ({
  run: await resumeRun(workspace, id, runProgram, parallel),
})
