import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { firstStatus } from '../../src/engine/run/status-file.ts'
import { runFolder } from '../../src/engine-client/index.ts'
import type { RunStatus } from '../../src/shared/run-status.ts'

/** Writes what a folder would keep of a run that is done, or as told, without a run. @returns its folder */
export function keepRun(workspace: string, id: string, more: Partial<RunStatus>): string {
  const folder = runFolder(workspace, id)
  const request = {
    version: 1,
    recipePath: join(workspace, `${id}.sinter.jsonc`),
    recipe: {},
    methods: ['rtn'],
    model: join(workspace, 'model'),
    out: join(workspace, id),
    createdAt: Date.now(),
    threads: null,
    memory: null,
    report: false,
  }
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'status.json'), JSON.stringify({ ...firstStatus(id, request), state: 'done', ...more }))
  return folder
}
