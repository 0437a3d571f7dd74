import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { cancelRun } from '../src/engine/run/cancel-run.ts'
import { firstStatus, writeStatus } from '../src/engine/run/status-file.ts'
import { runFolder } from '../src/engine-client/index.ts'
import type { RunStatus } from '../src/shared/run-status.ts'
import { workplace } from './engine-setup.ts'
import { processNaming, processOf } from './helpers/run-process.ts'
import { until } from './helpers/until.ts'

const { folder: workspace } = workplace()

/** The folder of a run, and its status before it began. */
function runNamed(id: string): [folder: string, status: RunStatus] {
  const folder = runFolder(workspace, id)
  mkdirSync(folder, { recursive: true })
  const asked = { version: 1, recipePath: '', recipe: {}, methods: [], model: '', out: '', createdAt: Date.now() }
  return [folder, firstStatus(id, { ...asked, threads: null, memory: null, report: false })]
}

test('stopping an attempt leaves the next one alone, which somebody began before the end was seen', async () => {
  const id = 'quick-1'
  const [folder, first] = runNamed(id)
  const [before, after] = [processOf(workspace, id), processOf(workspace, id)]
  await writeStatus(folder, { ...first, state: 'running', pid: before.pid!, attempts: 1 })
  const cancelled = cancelRun(workspace, id, { termMs: 1000, killMs: 2000 })
  await until(() => existsSync(join(folder, 'cancel')))
  await writeStatus(folder, { ...first, state: 'running', pid: after.pid!, attempts: 2 })
  expect(await cancelled).toMatchObject({ state: 'running', attempts: 2 })
  expect(after.signalCode).toBeNull()
})

test.for([
  ['a group of processes', -1],
  ['every process of its own group', 0],
])('a status that names %s is none', async ([, pid]) => {
  const id = `group${pid}`
  const [folder, status] = runNamed(id)
  await writeStatus(folder, { ...status, state: 'running', pid: pid as number })
  await expect(cancelRun(workspace, id)).rejects.toThrow(`there is no run ${id}`)
})

test("a process of somebody else's is not the run's, whatever the status calls it", async () => {
  const id = 'node'
  const [folder, status] = runNamed(id)
  const stranger = processNaming(id)
  await writeStatus(folder, { ...status, state: 'running', pid: stranger.pid! })
  const { state, error } = await cancelRun(workspace, id, { termMs: 0, killMs: 200 })
  expect([state, error?.code]).toEqual(['failed', 'process-gone'])
  expect(stranger.signalCode).toBeNull()
})
