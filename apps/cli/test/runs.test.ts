import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { sinter, sinterJson } from './helpers/sinter.ts'

const folder = mkdtempSync(join(tmpdir(), 'sinter-runs-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const place = (id: string): string => join(folder, '.sinter/runs', id)

function keep(id: string, status: object): void {
  mkdirSync(place(id), { recursive: true })
  const usual = {
    version: 1,
    state: 'done',
    pid: null,
    methods: ['rtn'],
    model: '/m',
    out: `/results/${id}`,
    createdAt: 1,
    endedAt: null,
    progress: null,
    error: null,
    result: null,
  }
  writeFileSync(join(place(id), 'status.json'), JSON.stringify({ ...usual, ...status }))
}

test('a folder without runs is told of, and so is one that is not there', async () => {
  expect(await sinter('runs', folder)).toMatchObject({ code: 0, stdout: expect.stringContaining('keeps no runs') })
  expect(await sinterJson('runs', join(folder, 'none'))).toEqual([])
})

test('runs are listed, the newest first; what is no status is passed over, and nothing in one moves the cursor', async () => {
  keep('done', { createdAt: 5, result: { outputBytes: 10, bitsPerWeight: 4.5, seconds: 1, kl: null } })
  keep('gone', { createdAt: 6, state: 'running', pid: process.pid, out: '/results/\u001b[2Jgone' })
  keep('group', { state: 'running', pid: -1 })
  mkdirSync(place('empty'))
  mkdirSync(place('broken'))
  writeFileSync(join(place('broken'), 'status.json'), '{')
  const { stdout } = await sinter('runs', folder)
  const rows = stdout.trimEnd().split('\n').slice(2)
  expect(rows).toEqual([
    expect.stringMatching(/^gone +failed: process \d+ ended without saying why.*\/results\/\ufffd\[2Jgone$/),
    expect.stringMatching(/^done +done +4\.50 +\/results\/done$/),
  ])
})

test('only a run that is under way is asked to stop', async () => {
  keep('starts', { state: 'starting', pid: process.pid })
  expect(await sinterJson('runs', folder, '--stop', 'starts')).toEqual({ stopping: 'starts' })
  expect(existsSync(join(place('starts'), 'cancel'))).toBe(true)
  for (const id of ['done', 'none', '../../x']) {
    const { code, stderr } = await sinter('runs', folder, '--stop', id)
    expect(code).toBe(2)
    expect(stderr).toContain(JSON.stringify(id))
  }
  expect(existsSync(join(place('done'), 'cancel'))).toBe(false)
})

test('only a run that is over is removed, and nothing but its folder', async () => {
  keep('over', { out: join(folder, 'result') })
  mkdirSync(join(folder, 'result'))
  expect(await sinterJson('runs', folder, '--remove', 'over')).toEqual({ removed: 'over' })
  expect([place('over'), join(folder, 'result')].map(existsSync)).toEqual([false, true])
  keep('waits', { state: 'starting', pid: process.pid })
  for (const id of ['waits', 'over', '..', '../../result']) {
    const { code, stderr } = await sinter('runs', folder, '--remove', id)
    expect(code).toBe(2)
    expect(stderr).toContain(JSON.stringify(id))
  }
  // A process that has the folder may be about to say so.
  keep('held', { state: 'cancelled' })
  writeFileSync(join(place('held'), 'process'), String(process.pid))
  keep('link', {})
  renameSync(place('link'), join(folder, 'far'))
  symlinkSync(join(folder, 'far'), place('link'))
  for (const id of ['held', 'link']) expect((await sinter('runs', folder, '--remove', id)).code).toBe(2)
  for (const kept of ['waits', 'held', 'link']) expect(existsSync(join(place(kept), 'status.json'))).toBe(true)
  expect((await sinter('runs', folder, '--stop', 'waits', '--remove', 'held')).code).not.toBe(0)
})
