import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type RunStatus, runStatus } from '../shared/run-status.ts'
import { readBounded } from './read-bounded.ts'
import { isRunId, runFiles, runFolder, runsFolder } from './run-folder.ts'
import { isAtWork } from './run-process.ts'

/** A status is a page of text. */
const MAX_STATUS_BYTES = 4 * 2 ** 20

const PROCESS_GONE = 'process-gone'

/** A process that has not said anything this long after it was asked for never came to life. */
const START_MS = 60_000

/** A sign of life comes every second. Where no command line says whose a process is, one that was silent this long is another. */
const SILENT_MS = 300_000

/**
 * The status of a run as it really is: of one that says it is at work while its process is gone, nobody else will say that it
 * failed.
 * @returns undefined when there is no such run, or its status cannot be read
 */
export async function readRun(workspace: string, id: string): Promise<RunStatus | undefined> {
  const read = () => readStatus(join(runFolder(workspace, id), runFiles.status))
  const status = await read()
  if (!status) return undefined
  const found = await asItIs({ ...status, id })
  if (found.error?.code !== PROCESS_GONE) return found
  // It may have written how it ended and gone, after the status was read and before its process was looked for.
  const last = await read()
  return asItIs({ ...(last ?? status), id })
}

/** All runs of a workspace, the newest first. A folder without a readable status is none. */
export async function listRuns(workspace: string): Promise<RunStatus[]> {
  const runs = await Promise.all((await runIds(workspace)).map(id => readRun(workspace, id)))
  return runs.filter(run => run !== undefined).sort((a, b) => b.createdAt - a.createdAt || (a.id < b.id ? 1 : -1))
}

export async function runIds(workspace: string): Promise<string[]> {
  return (await readdir(runsFolder(workspace)).catch(() => [])).filter(isRunId)
}

/** When a run's status was written last: of one that is over, it is all that has to be looked at. */
export async function statusTime(workspace: string, id: string): Promise<number | undefined> {
  return (await stat(join(runFolder(workspace, id), runFiles.status)).catch(() => undefined))?.mtimeMs
}

/** Whether a run's folder is not there, which is more than that it cannot be read. */
export async function isGone(workspace: string, id: string): Promise<boolean> {
  const error = await stat(runFolder(workspace, id)).then(
    () => undefined,
    (error: NodeJS.ErrnoException) => error,
  )
  return error?.code === 'ENOENT'
}

async function readStatus(path: string): Promise<RunStatus | undefined> {
  try {
    return runStatus(JSON.parse(await readBounded(path, MAX_STATUS_BYTES)), 'status')
  } catch {
    return undefined
  }
}

async function asItIs(status: RunStatus): Promise<RunStatus> {
  if (status.state === 'starting' && Date.now() - (status.heartbeatAt ?? status.createdAt) > START_MS)
    return failed(status, 'not-started', 'the process of the run did not start; process.log in its folder may say why')
  const hasProcess = status.state === 'running' || status.state === 'queued'
  const lastSign = status.heartbeatAt ?? status.startedAt ?? status.createdAt
  const isSilent = process.platform !== 'linux' && Date.now() - lastSign > SILENT_MS
  if (!hasProcess || status.pid === null || (!isSilent && (await isAtWork(status.pid, status.id)))) return status
  return failed(
    status,
    PROCESS_GONE,
    `process ${status.pid} ended without saying why: it was killed, ran out of memory or crashed; process.log in the run's ` +
      'folder may say more. Resume goes on from the last finished block',
  )
}

const failed = (status: RunStatus, code: string, message: string): RunStatus => ({
  ...status,
  state: 'failed',
  endedAt: status.heartbeatAt ?? status.createdAt,
  resumable: true,
  error: { code, message },
})
