import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openModel } from '@sinter/model'
import { ortNodeBackend } from '@sinter/tensor-core'
import { afterAll, describe, expect, test } from 'vitest'
import { selfText, writeSelfText } from '../src/index.ts'

const folder = await mkdtemp(join(tmpdir(), 'self-text-'))
const backend = ortNodeBackend({ threads: 1 })
const model = await openModel(new URL('../../../apps/cli/assets/demo-model', import.meta.url).pathname)
afterAll(async () => {
  await backend.close()
  await model.close()
  await rm(folder, { recursive: true })
})

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = []
  for await (const item of items) list.push(item)
  return list
}

const options = { count: 6, length: 24, seed: 3 }

describe('text that a model writes itself', () => {
  test('begins with another token each time, goes on greedily, and is the same for a seed', async () => {
    const texts = await collect(selfText(model, backend, options))
    expect(new Set(texts.map(({ ids }) => ids[0])).size).toBe(6)
    for (const { ids, greedy } of texts) {
      expect(ids.length).toBeLessThanOrEqual(24)
      expect([3, 4, 5]).toContain(greedy)
    }
    const again = await collect(selfText(model, backend, { ...options, done: 4 }))
    expect(again.map(({ ids }) => [...ids])).toEqual(texts.slice(4).map(({ ids }) => [...ids]))
  })

  test('a file that was cut in the middle of a line ends as one that was not', async () => {
    const [whole, cut] = [join(folder, 'whole.jsonl'), join(folder, 'cut.jsonl')]
    expect(await writeSelfText(model, backend, { ...options, out: whole })).toBe(6)
    const bytes = await readFile(whole)
    await writeFile(cut, bytes.subarray(0, Math.floor(bytes.length / 2)))
    await writeSelfText(model, backend, { ...options, out: cut })
    expect(await readFile(cut)).toEqual(bytes)
  })

  test('lines of another run are not gone on with', async () => {
    const path = join(folder, 'other.jsonl')
    await appendFile(path, '{"text":"x"}\n')
    await expect(writeSelfText(model, backend, { ...options, out: path })).rejects.toThrow('of another run')
    expect(await readFile(path, 'utf8')).toBe('{"text":"x"}\n')
  })
})
