import { randomUUID } from 'node:crypto'
import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runFiles } from '../../runs/run-folder.ts'
import { RUN_VERSION, type RunStatus } from '../../shared/run-status.ts'
import type { RunRequest } from './run-request.ts'

/** What a run says of itself before its process is there. */
export function firstStatus(id: string, request: RunRequest): RunStatus {
  const { recipePath, methods, model, out, createdAt } = request
  return {
    version: RUN_VERSION,
    id,
    state: 'starting',
    pid: null,
    recipe: recipePath,
    methods,
    model,
    out,
    createdAt,
    startedAt: null,
    heartbeatAt: null,
    endedAt: null,
    attempts: 0,
    progress: null,
    resumable: false,
    error: null,
    result: null,
    report: null,
  }
}

/**
 * Replaces a run's status: a reader sees the old one or the new. It is not forced to the disk, every second would be too often; after
 * a power cut the journal is what counts.
 */
export async function writeStatus(folder: string, status: RunStatus): Promise<void> {
  await replaceFile(join(folder, runFiles.status), `${JSON.stringify(status, undefined, 2)}\n`)
}

export async function replaceFile(path: string, text: string): Promise<void> {
  const fresh = `${path}.${randomUUID()}`
  await writeFile(fresh, text)
  await rename(fresh, path)
}
