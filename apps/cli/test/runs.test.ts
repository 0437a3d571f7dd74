import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
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
