import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readRun, runFolder } from '../../src/engine-client/index.ts'
import { until } from './until.ts'

export interface HeldRuns {
  /** For the processes that start the runs. */
  readonly env: Readonly<Record<string, string>>
  /** A run waits as soon as it has written a file whose path ends so. */
  hold(name: string): void
  release(name: string): void
}

/** @param list a file of the test's own, which says where runs wait */
export function heldRuns(list: string): HeldRuns {
  const names = new Set<string>()
  const write = (): void => writeFileSync(list, [...names].join('\n'))
  const preload = fileURLToPath(new URL('hold-runs.cjs', import.meta.url))
  write()
  return {
    env: { NODE_OPTIONS: `--require=${JSON.stringify(preload)}`, SINTER_TEST_HOLD: list },
    hold(name) {
      names.add(name)
      write()
    },
    release(name) {
      names.delete(name)
      write()
    },
  }
}

/** Until a run that somebody asks to stop has heard it: its next sign of life comes after it has looked. */
export async function hasHeard(workspace: string, id: string): Promise<void> {
  await until(() => existsSync(join(runFolder(workspace, id), 'cancel')))
  await isAlive(workspace, id)
}

/** Until a run has given a sign of life from now on. */
export async function isAlive(workspace: string, id: string): Promise<void> {
  const since = Date.now()
  await until(async () => ((await readRun(workspace, id))?.heartbeatAt ?? 0) > since)
}
