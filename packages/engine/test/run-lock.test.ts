import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { lockRun } from '../src/run/run-lock.ts'

const folder = await mkdtemp(join(tmpdir(), 'sinter-lock-'))
afterAll(() => rm(folder, { recursive: true, force: true }))

test('a run has its folder to itself until it gives it back', async () => {
  const unlock = await lockRun(folder)
  await expect(lockRun(folder)).rejects.toThrow(`process ${process.pid} is at work in ${folder}`)
  await unlock()
  await (await lockRun(folder))()
})

test('what a killed process left is taken over, and what nobody can have written', async () => {
  const child = spawn(process.execPath, ['-e', ''])
  await new Promise(resolve => child.on('exit', resolve))
  for (const left of [`${child.pid}\n`, '', 'x', '-1', '0'])
    await writeFile(join(folder, 'process'), left).then(async () => (await lockRun(folder))())
})
