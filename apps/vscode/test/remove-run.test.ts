import { existsSync, mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { removeRun as removeOnTheWeb } from '../src/host/runs/remove-run.web.ts'
import type { RunStatus } from '../src/shared/run-status.ts'
import { engineClient, workplace } from './engine-setup.ts'
import { keepRun } from './helpers/keep-run.ts'
import { processOf } from './helpers/run-process.ts'

vi.mock('vscode', async () => (await import('./helpers/fake-runs-workbench.ts')).fakeRunsVscode)

const { folder: workspace, path } = workplace()
const engine = engineClient()
const remove = (id: string) => engine.request('runRemove', { workspace, id })
/** What a run at work says of itself. */
const alive = (id: string) => ({ pid: processOf(workspace, id).pid!, heartbeatAt: Date.now() })

test('a run that is over goes with its folder, and its result stays', async () => {
  const folder = keepRun(workspace, 'over', {})
  mkdirSync(path('over'))
  writeFileSync(join(folder, 'report.json'), '{}')
  await remove('over')
  expect([existsSync(folder), existsSync(path('over'))]).toEqual([false, true])
  await expect(remove('over')).rejects.toMatchObject({ kind: 'refused' })
})

test.for<[string, () => Partial<RunStatus>, string]>([
  ['starting', () => ({ state: 'starting' }), 'stop it first'],
  ['queued', () => ({ state: 'queued', ...alive('queued') }), 'stop it first'],
  ['running', () => ({ state: 'running', ...alive('running') }), 'stop it first'],
  // It may be on its way to say that it is at work again.
  ['held', () => ({ state: 'cancelled' }), 'is at work in'],
])('one that is %s is refused', async ([id, status, why]) => {
  const folder = keepRun(workspace, id, status())
  if (id === 'held') writeFileSync(join(folder, 'process'), String(process.pid))
  await expect(remove(id)).rejects.toMatchObject({ kind: 'refused', message: expect.stringContaining(why) })
  expect(existsSync(join(folder, 'status.json'))).toBe(true)
})

test('one that says it is at work while its process is gone is over', async () => {
  const folder = keepRun(workspace, 'killed', { state: 'running', pid: 2 ** 22 + 1 })
  await remove('killed')
  expect(existsSync(folder)).toBe(false)
})

test.for(['../over', '..', '.', '', 'a/b', '/etc'])('%j is no id of a run', async id => {
  await expect(remove(id)).rejects.toMatchObject({
    kind: 'refused',
    message: expect.stringContaining('expected the id'),
  })
})

test('a link in the place of a folder is not followed', async () => {
  const kept = keepRun(workspace, 'linked', {})
  renameSync(kept, path('far'))
  symlinkSync(path('far'), kept)
  await expect(remove('linked')).rejects.toMatchObject({
    kind: 'refused',
    message: expect.stringContaining('got a link'),
  })
  expect(existsSync(path('far/status.json'))).toBe(true)
})

test('on the web nothing is removed, and the reason is said', async () => {
  await expect(removeOnTheWeb()).rejects.toThrow('This needs the extension on a computer')
})
