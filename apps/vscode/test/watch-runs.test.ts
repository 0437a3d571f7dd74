import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { runFolder, watchRuns } from '../src/engine-client/index.ts'
import { workplace } from './engine-setup.ts'
import { keepRun } from './helpers/keep-run.ts'
import { until } from './helpers/until.ts'

const disk = vi.hoisted(() => ({ fails: false, looks: 0 }))

vi.mock('node:fs/promises', async importOriginal => {
  const real = await importOriginal<typeof import('node:fs/promises')>()
  const unlessItFails =
    (work: (...given: never[]) => Promise<unknown>) =>
    async (...given: never[]): Promise<unknown> => {
      disk.looks++
      if (disk.fails) throw Object.assign(new Error('EIO'), { code: 'EIO' })
      return work(...given)
    }
  return { ...real, readdir: unlessItFails(real.readdir as never), stat: unlessItFails(real.stat as never) }
})

test('a run is gone when its folder is not there, and not when it cannot be read', async () => {
  const { folder } = workplace()
  for (const id of ['a', 'b']) keepRun(folder, id, { state: 'done' })
  const told: string[] = []
  const watch = watchRuns(folder, ({ id }) => told.push(id), { everyMs: 5, onGone: id => told.push(`${id} gone`) })
  await until(() => told.length === 2)

  const looksAgain = async (): Promise<void> => {
    const now = disk.looks
    await until(() => disk.looks > now + 10)
  }
  disk.fails = true
  await looksAgain()
  disk.fails = false
  writeFileSync(join(runFolder(folder, 'a'), 'status.json'), '{')
  await looksAgain()
  expect(told).toEqual(['a', 'b'])

  rmSync(runFolder(folder, 'a'), { recursive: true })
  await until(() => told.length === 3)
  renameSync(runFolder(folder, 'b'), runFolder(folder, 'c'))
  await until(() => told.length === 5)
  watch.close()
  expect(told.slice(2, 3)).toEqual(['a gone'])
  expect(told.slice(3).sort()).toEqual(['b gone', 'c'])
})
