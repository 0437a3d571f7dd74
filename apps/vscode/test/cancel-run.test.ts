import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { cancelRun } from '../src/engine/run/cancel-run.ts'
import { firstStatus, writeStatus } from '../src/engine/run/status-file.ts'
import { runFolder } from '../src/engine-client/index.ts'
import { workplace } from './engine-setup.ts'
import { until } from './helpers/until.ts'

const { folder: workspace } = workplace()
const started: ChildProcess[] = []
afterAll(() => {
  for (const child of started) child.kill('SIGKILL')
})

/** A process that is there, and that the system knows by the id of a run. */
function processOf(id: string): ChildProcess {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)', id], { stdio: 'ignore' })
  started.push(child)
  return child
}

test('stopping an attempt leaves the next one alone, which somebody began before the end was seen', async () => {
  const id = 'quick-1'
  const folder = runFolder(workspace, id)
  mkdirSync(folder, { recursive: true })
  const asked = { version: 1, recipePath: '', recipe: {}, methods: [], model: '', out: '', createdAt: Date.now() }
  const first = firstStatus(id, { ...asked, threads: null, memory: null, report: false })
  const [before, after] = [processOf(id), processOf(id)]
  await writeStatus(folder, { ...first, state: 'running', pid: before.pid!, attempts: 1 })
  const cancelled = cancelRun(workspace, id, { termMs: 1000, killMs: 2000 })
  await until(() => existsSync(join(folder, 'cancel')))
  await writeStatus(folder, { ...first, state: 'running', pid: after.pid!, attempts: 2 })
  expect(await cancelled).toMatchObject({ state: 'running', attempts: 2 })
  expect(after.signalCode).toBeNull()
})
