import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runFolder } from '../../src/engine-client/index.ts'
import type { RunStatus } from '../../src/shared/run-status.ts'

/** Writes what a folder would keep of a run, without a run. @returns its folder */
export function keepRun(workspace: string, id: string, more: Partial<RunStatus>): string {
  const folder = runFolder(workspace, id)
  const status: RunStatus = {
    version: 1,
    id,
    state: 'done',
    pid: null,
    recipe: join(workspace, `${id}.sinter.jsonc`),
    methods: ['rtn'],
    model: join(workspace, 'model'),
    out: join(workspace, id),
    createdAt: Date.now(),
    startedAt: null,
    heartbeatAt: null,
    endedAt: null,
    attempts: 1,
    progress: null,
    resumable: false,
    error: null,
    result: null,
    report: null,
    ...more,
  }
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'status.json'), JSON.stringify(status))
  return folder
}
