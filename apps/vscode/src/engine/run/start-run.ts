import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { atomicWriteFile } from '@sinter/model'
import { listRuns, readRun } from '../../runs/read-runs.ts'
import { newRunId, runFiles, runFolder } from '../../runs/run-folder.ts'
import type { RecipeDiagnostic, RunStartParams, RunStartResult } from '../../shared/protocol.ts'
import { isOver, RUN_VERSION, type RunStatus } from '../../shared/run-status.ts'
import { prepareRecipe } from './prepare-recipe.ts'
import type { RunRequest } from './run-request.ts'
import { type RunProgram, spawnRun } from './spawn-run.ts'
import { firstStatus, writeStatus } from './status-file.ts'

/** Starts a run of its own, when its recipe has a plan and no run that is under way makes the same. */
export async function startRun(params: RunStartParams, program: RunProgram): Promise<RunStartResult> {
  const { diagnostics, planned } = await prepareRecipe(params)
  if (!planned) return { diagnostics }
  const { plan, out } = planned
  const same = (await listRuns(params.workspace)).find(other => !isOver(other) && other.out === out)
  if (same) return { diagnostics: [...diagnostics, isBeingMade(out, same.id)] }
  const methods = plan.recipe.steps.map(step => step.method)
  const created = new Date()
  const id = newRunId(created, methods)
  const request: RunRequest = {
    version: RUN_VERSION,
    recipePath: params.path,
    recipe: { ...plan.recipe },
    methods,
    model: plan.model.path,
    out,
    createdAt: created.getTime(),
    threads: params.threads ?? null,
    memory: params.memory ?? null,
    report: params.report ?? true,
  }
  const folder = runFolder(params.workspace, id)
  await mkdir(folder, { recursive: true })
  await atomicWriteFile(join(folder, runFiles.request), `${JSON.stringify(request, undefined, 2)}\n`)
  const run = firstStatus(id, request)
  await writeStatus(folder, run)
  await launched(program, folder, run, params.parallel)
  return { diagnostics, run: (await readRun(params.workspace, id)) ?? run }
}

const isBeingMade = (out: string, id: string): RecipeDiagnostic => ({
  severity: 'error',
  path: 'output',
  line: 1,
  message: `${out}: the run ${id} makes it and is not over; stop that, or give the recipe another name`,
})

/**
 * Goes on with a run that stopped. One that is at work or done is left as it is.
 * @throws RangeError when there is no such run
 */
export async function resumeRun(
  workspace: string,
  id: string,
  program: RunProgram,
  parallel?: number,
): Promise<RunStatus> {
  const run = await readRun(workspace, id)
  if (!run) throw new RangeError(`there is no run ${id} in ${workspace}`)
  if (run.state !== 'failed' && run.state !== 'cancelled') return run
  const folder = runFolder(workspace, id)
  const waiting: RunStatus = {
    ...run,
    state: 'starting',
    pid: null,
    heartbeatAt: Date.now(),
    error: null,
    endedAt: null,
  }
  // A killed process leaves what it was asked.
  await rm(join(folder, runFiles.cancel), { force: true })
  await writeStatus(folder, waiting)
  await launched(program, folder, run, parallel)
  return (await readRun(workspace, id)) ?? waiting
}

/** A process that cannot even be started leaves a run that failed, and why. */
async function launched(program: RunProgram, folder: string, run: RunStatus, parallel = 1): Promise<void> {
  try {
    await spawnRun(program, folder, parallel)
  } catch (error) {
    const { message } = error as Error
    await writeStatus(folder, {
      ...run,
      state: 'failed',
      endedAt: Date.now(),
      error: { code: 'not-started', message },
    })
    throw error
  }
}
