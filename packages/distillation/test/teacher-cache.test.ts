import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createLearner, decodeSafetensors, encodeSafetensors, everyToken, logits, type Model } from '@sinter/model'
import { ortNodeBackend, referenceBackend, type Tensor, type TensorF32 } from '@sinter/tensor-core'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import {
  localTeacher,
  modelOfTeacher,
  NO_TOKEN,
  openTeacherCache,
  softLabels,
  type Teacher,
  topLabels,
  vocabularyHash,
  withTop,
  writeTeacherCache,
} from '../src/index.ts'
import { topPass } from '../src/top-pass.ts'
import { letters, namesOnly } from './helpers/padded.ts'
import { openTiny, parametersOf, someIds } from './helpers/tiny.ts'

const backend = ortNodeBackend({ threads: 1 })
let student: Model
let teacher: Model
let folder: string
const folders: string[] = []
beforeAll(async () => {
  student = await openTiny('student')
  teacher = await openTiny('teacher')
})
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'teacher-cache-'))
  folders.push(folder)
})
afterAll(async () => {
  await Promise.all([student.close(), teacher.close(), backend.close()])
  for (const path of folders) await rm(path, { recursive: true, force: true })
})

/** From all logits at once, in f64. */
function topOf(all: Tensor, k: number, vocabulary: number): { ids: number[]; logProbs: number[] } {
  const width = all.shape.at(-1)!
  const [ids, logProbs]: [number[], number[]] = [[], []]
  for (let from = 0; from < all.data.length; from += width) {
    const row = Array.from((all.data as Float32Array).subarray(from, from + vocabulary))
    const sum = Math.log(row.reduce((total, value) => total + Math.exp(value), 0))
    const order = [...row.keys()].sort((a, b) => row[b]! - row[a]! || a - b).slice(0, k)
    ids.push(...order)
    logProbs.push(...order.map(id => row[id]! - sum))
  }
  return { ids, logProbs }
}

describe('one pass past the output embedding', () => {
  test.each([
    [1, 64, undefined],
    [5, 64, 8 * 128],
    [5, 50, 7 * 128],
    [64, 64, undefined],
    [33, 64, 128],
  ])('k = %i of %i tokens, slices of %s bytes', async (k, vocabulary, sliceBytes) => {
    const ids = someIds(3, 7)
    const options = { k, vocabulary, ...(sliceBytes !== undefined && { sliceBytes }) }
    for (const each of [backend, referenceBackend()]) {
      const expected = topOf((await logits(teacher, each, ids)).get('logits')!, k, vocabulary)
      const top = await topPass(teacher, each, { ids }, options)
      expect(top.ids.shape).toEqual([3, 7, k])
      expect(Array.from(top.ids.data as Int32Array)).toEqual(expected.ids)
      for (const [i, value] of expected.logProbs.entries()) expect(top.logProbs.data[i]).toBeCloseTo(value, 5)
    }
  })

  test('batches of a long question are one answer', async () => {
    const ids = someIds(40, 30)
    const whole = await topPass(teacher, backend, { ids }, { k: 4, vocabulary: 64 })
    const row = (i: number): Tensor => ({
      dtype: 'i32',
      shape: [1, 30],
      data: (ids.data as Int32Array).slice(30 * i, 30 * (i + 1)),
    })
    for (const i of [0, 16, 17, 39]) {
      const one = await topPass(teacher, backend, { ids: row(i) }, { k: 4, vocabulary: 64 })
      expect(whole.ids.data.slice(120 * i, 120 * (i + 1))).toEqual(one.ids.data)
    }
  })

  test('documents of a row are as if they stood alone', async () => {
    const ids = someIds(1, 8)
    const documents: Tensor = { dtype: 'i32', shape: [1, 8], data: Int32Array.of(3, 3, 3, 4, 4, 4, 4, 4) }
    const together = await topPass(teacher, backend, { ids, documents }, { k: 3, vocabulary: 64 })
    const second: Tensor = { dtype: 'i32', shape: [1, 5], data: (ids.data as Int32Array).slice(3) }
    const alone = await topPass(teacher, backend, { ids: second }, { k: 3, vocabulary: 64 })
    expect(together.ids.data.slice(9)).toEqual(alone.ids.data)
    for (const [i, value] of alone.logProbs.data.entries()) expect(together.logProbs.data[9 + i]).toBeCloseTo(value, 5)
  })

  test('logits that are not finite are an error', async () => {
    const broken = {
      ...teacher,
      readHeadRows: async (start: number, count: number) => {
        const { weight } = await teacher.readHeadRows(start, count)
        weight.data[5] = Number.NaN
        return { weight }
      },
    }
    await expect(topPass(broken, backend, { ids: someIds(1, 3) }, { k: 2, vocabulary: 64 })).rejects.toThrow(
      'not finite at position 0 of 3',
    )
  })
})

const question = () => ({ ids: someIds(7, 6) })
const writeAll = async (options: Partial<Parameters<typeof writeTeacherCache>[0]> = {}) => {
  const all = {
    folder,
    teacher: localTeacher(teacher, { backend }),
    question: question(),
    k: 8,
    vocabulary: 64,
    shardRows: 3,
    ...options,
  }
  const events = []
  for await (const event of writeTeacherCache(all)) events.push(event)
  return events
}

describe('a cache', () => {
  test('gives what the teacher said, in 16 bits, in any order of rows', async () => {
    expect(await writeAll()).toEqual([1, 2, 3].map(done => ({ done, total: 3, kept: false })))
    const cache = await openTeacherCache(folder)
    expect(cache.header).toMatchObject({ rows: 7, length: 6, k: 8, vocabulary: 64, temperature: 1, shardRows: 3 })
    const said = await topPass(teacher, backend, question(), { k: 8, vocabulary: 64 })
    const data = question().ids.data as Int32Array
    const order = [6, 0, 3, 3]
    const shuffled: Tensor = {
      dtype: 'i32',
      shape: [4, 6],
      data: Int32Array.from(order.flatMap(i => [...data.subarray(6 * i, 6 * i + 6)])),
    }
    const top = await cache.top!({ ids: shuffled }, { k: 5 })
    expect(top.ids.shape).toEqual([4, 6, 5])
    for (const [to, from] of order.entries())
      for (let position = 0; position < 6; position++)
        for (let i = 0; i < 5; i++) {
          const [at, was] = [(to * 6 + position) * 5 + i, (from * 6 + position) * 8 + i]
          expect(top.ids.data[at]).toBe(said.ids.data[was])
          const value = said.logProbs.data[was]!
          expect(Math.abs(top.logProbs.data[at]! - value)).toBeLessThanOrEqual(2 ** -11 * Math.abs(value))
        }
    await cache.close()
  })

  test('has 4 k bytes a position, and is read by any reader of safetensors', async () => {
    await writeAll()
    const bytes = await readFile(join(folder, 'shard-00000.safetensors'))
    const { tensors, metadata } = decodeSafetensors(bytes)
    expect([...tensors].map(([name, { dtype, shape }]) => [name, dtype, ...shape].join(' ')).toSorted()).toEqual([
      'hashes u8 3 16',
      'ids u16 3 6 8',
      'log_probs f16 3 6 8',
    ])
    expect(metadata.cache).toMatch(/^[0-9a-f]{64}$/)
    const payload = 3 * 6 * 4 * 8 + 3 * 16
    expect(bytes.length - payload).toBeLessThan(512)
  })

  test('stopped between two shards goes on, to the same bytes', async () => {
    await writeAll()
    const whole = await contents()
    await rm(folder, { recursive: true })
    const stop = new AbortController()
    let asked = 0
    const local = localTeacher(teacher, { backend })
    const counting: Teacher = {
      ...local,
      top: (rows, options) => {
        asked += rows.ids.shape[0]!
        if (asked > 3) stop.abort(new Error('stopped'))
        return local.top!(rows, options)
      },
    }
    await expect(writeAll({ teacher: counting, signal: stop.signal })).rejects.toThrow('stopped')
    await expect(openTeacherCache(folder)).rejects.toThrow('shard 2 of 3 is not written yet')
    asked = -100
    expect((await writeAll({ teacher: counting })).map(({ kept }) => kept)).toEqual([true, false, false])
    expect(asked).toBe(-100 + 4)
    expect(await contents()).toEqual(whole)
  })

  test('of something else is told from this one', async () => {
    await writeAll()
    await expect(writeAll({ k: 9 })).rejects.toThrow('k is 8 there, and 9 here')
    await expect(writeAll({ question: { ids: someIds(7, 6, 'others') } })).rejects.toThrow(
      'has a cache of something else: data is',
    )
    await expect(writeAll({ teacher: localTeacher(student, { backend }) })).rejects.toThrow('teacher is')
    expect((await writeAll()).every(({ kept }) => kept)).toBe(true)
  })

  test('knows what its ids stand for', async () => {
    const [own, other] = [namesOnly(letters(64)), namesOnly(letters(64).with(9, 'else'))]
    await writeAll({ tokenizer: own })
    const cache = await openTeacherCache(folder, { tokenizer: own })
    expect(cache.header.tokenizer).toBe(vocabularyHash(own, 64))
    await cache.close()
    await expect(openTeacherCache(folder, { tokenizer: other })).rejects.toThrow("other tokens than the student's")
  })

  test('does not know rows that it was not asked about, nor the same row cut otherwise', async () => {
    const documents: Tensor = {
      dtype: 'i32',
      shape: [7, 6],
      data: Int32Array.from({ length: 42 }, (_, i) => Math.floor((i % 6) / 3)),
    }
    await writeAll({ question: { ...question(), documents } })
    const cache = await openTeacherCache(folder)
    await expect(cache.top!({ ids: someIds(1, 6, 'others') }, { k: 4 })).rejects.toThrow(
      'row 0 of the batch is not in the cache',
    )
    await expect(cache.top!(question(), { k: 4 })).rejects.toThrow('row 0 of the batch is not in the cache')
    // Numbers of documents may differ, their borders may not.
    const renumbered = { ...documents, data: (documents.data as Int32Array).map(value => 5 + 2 * value) }
    expect((await cache.top!({ ...question(), documents: renumbered }, { k: 4 })).ids.shape).toEqual([7, 6, 4])
    await cache.close()
  })

  test('of a larger vocabulary has ids of 32 bits', async () => {
    const shape = [7, 6, 2]
    const large: Teacher = {
      name: 'large',
      fingerprint: async () => 'large',
      close: async () => {},
      top: async ({ ids }) => {
        const own = [ids.shape[0]!, 6, 2]
        const size = own.reduce((n, dim) => n * dim, 1)
        return {
          ids: { dtype: 'i32', shape: own, data: new Int32Array(size).fill(99_999) },
          logProbs: {
            dtype: 'f32',
            shape: own,
            data: Float32Array.from({ length: size }, (_, i) => (i % 2 ? NO_TOKEN : -0.25)),
          },
        }
      },
    }
    await writeAll({ teacher: large, vocabulary: 100_000, k: 2 })
    const cache = await openTeacherCache(folder)
    const top = await cache.top!(question(), { k: 2 })
    expect(top.ids.shape).toEqual(shape)
    expect(new Set(top.ids.data as Int32Array)).toEqual(new Set([99_999]))
    expect(new Set(top.logProbs.data)).toEqual(new Set([-0.25, NO_TOKEN]))
    await cache.close()
  })

  test('asked for more than it has, or for logits, says what it has', async () => {
    await writeAll()
    const cache = await openTeacherCache(folder)
    await expect(withTop(cache, [everyToken(question().ids)], { k: 9 })).rejects.toThrow(
      'gives at most 8 tokens a position; 9 were asked for',
    )
    expect(() => modelOfTeacher(cache)).toThrow('gives no logits and no hidden states, only its most probable tokens')
    expect(modelOfTeacher(localTeacher(teacher, { backend }))).toBe(teacher)
    await cache.close()
  })
})

async function contents(): Promise<Record<string, string>> {
  const names = (await readdir(folder)).toSorted()
  return Object.fromEntries(
    await Promise.all(
      names.map(async name => [name, (await readFile(join(folder, name))).toString('base64')] as const),
    ),
  )
}

describe('a broken cache is told from a whole one', () => {
  const shard = () => join(folder, 'shard-00001.safetensors')
  const rewrite = async (
    change: (tensors: Map<string, Tensor>) => Map<string, Tensor>,
    metadata?: Record<string, string>,
  ) => {
    const read = decodeSafetensors(await readFile(shard()))
    await writeFile(shard(), encodeSafetensors(change(new Map(read.tensors)), metadata ?? { ...read.metadata }))
  }
  const header = async (change: object) => {
    const path = join(folder, 'cache.json')
    await writeFile(path, JSON.stringify({ ...JSON.parse(await readFile(path, 'utf8')), ...change }))
  }
  beforeEach(() => writeAll())

  test.each<[string, () => Promise<unknown>, string]>([
    ['no header', () => rm(join(folder, 'cache.json')), 'there is no teacher cache'],
    ['a header that is not JSON', () => writeFile(join(folder, 'cache.json'), '{'), 'is not JSON'],
    ['a huge header', () => writeFile(join(folder, 'cache.json'), ' '.repeat(70_000)), '70000 bytes are no header'],
    ['a header that allocates', () => header({ rows: 2 ** 40 }), 'is not the header of a teacher cache'],
    ['a header with more', () => header({ more: 1 }), 'is not the header of a teacher cache'],
    ['another version', () => header({ version: 2 }), 'is not the header of a teacher cache'],
    ['another header', () => header({ rows: 8 }), 'belongs to another cache'],
    [
      'a shard that ends early',
      async () => writeFile(shard(), (await readFile(shard())).subarray(0, 300)),
      'remove the file and write the cache again',
    ],
    [
      'a shard of another cache',
      () => rewrite(tensors => tensors, { cache: 'f'.repeat(64) }),
      'belongs to another cache',
    ],
    [
      'a shard of another form',
      () => rewrite(tensors => tensors.set('ids', { dtype: 'u16', shape: [3, 6, 4], data: new Uint16Array(72) })),
      'ids: expected u16 3 6 8, got u16 3 6 4',
    ],
  ])('%s', async (_, damage, message) => {
    await damage()
    await expect(openTeacherCache(folder)).rejects.toThrow(message)
    await expect(openTeacherCache(folder)).rejects.toThrow(expect.objectContaining({ code: 'teacher' }))
  })

  test.each<[string, string, Tensor]>([
    ['a token that there is not', 'ids', { dtype: 'u16', shape: [3, 6, 8], data: new Uint16Array(144).fill(64) }],
    ['a probability above 1', 'log_probs', { dtype: 'f16', shape: [3, 6, 8], data: new Uint16Array(144).fill(0x3c00) }],
    [
      'a probability that is no number',
      'log_probs',
      { dtype: 'f16', shape: [3, 6, 8], data: new Uint16Array(144).fill(0x7e00) },
    ],
    [
      'a probability of nothing',
      'log_probs',
      { dtype: 'f16', shape: [3, 6, 8], data: new Uint16Array(144).fill(0xfc00) },
    ],
  ])('%s', async (_, name, tensor) => {
    await rewrite(tensors => tensors.set(name, tensor))
    const cache = await openTeacherCache(folder)
    await expect(cache.top!(question(), { k: 2 })).rejects.toThrow('The cache is broken')
    await cache.close()
  })

  test('writing again replaces only what is broken', async () => {
    const before = await stat(join(folder, 'shard-00000.safetensors'))
    await writeFile(shard(), 'nonsense')
    expect((await writeAll()).map(({ kept }) => kept)).toEqual([true, false, true])
    expect((await stat(join(folder, 'shard-00000.safetensors'))).mtimeMs).toBe(before.mtimeMs)
    await (await openTeacherCache(folder)).close()
  })
})

describe('learning from it', () => {
  test('all tokens are as good as logits, fewer are less and never more', async () => {
    const parameters: ReadonlyMap<string, TensorF32> = await parametersOf(student)
    const batch = everyToken(question().ids)
    const full = createLearner(student, { backend, objective: softLabels({ alpha: 1 }), parameters, teacher })
    const whole = await full.gradients([batch])
    await writeAll({ k: 64 })
    const cache = await openTeacherCache(folder)
    const divergences: number[] = []
    for (const k of [1, 4, 16, 64]) {
      const learner = createLearner(student, { backend, objective: topLabels({ k, alpha: 1 }), parameters })
      const { terms, gradients } = await learner.gradients(await withTop(cache, [batch], { k }))
      divergences.push(terms.divergence!)
      if (k === 64)
        for (const [name, slopes] of whole.gradients) {
          const largest = slopes.reduce((most, slope) => Math.max(most, Math.abs(slope)), 0)
          const worst = slopes.reduce((most, slope, i) => Math.max(most, Math.abs(slope - gradients.get(name)![i]!)), 0)
          // ln p in 16 bits.
          expect(worst, name).toBeLessThan(5e-3 * largest)
        }
      await learner.close()
    }
    expect(divergences).toEqual(divergences.toSorted((a, b) => a - b))
    expect(divergences.at(-1)! / whole.terms.divergence!).toBeCloseTo(1, 2)
    expect(divergences[0]! / whole.terms.divergence!).toBeLessThan(0.98)
    await cache.close()
    await full.close()
  })

  test('a batch that brings other than the loss looks at is refused', async () => {
    const learner = createLearner(student, { backend, objective: topLabels({ k: 4 }), parameters: new Map() })
    const batch = everyToken(someIds(1, 6))
    await expect(learner.evaluate([batch])).rejects.toThrow(
      'the 4 most probable tokens of a teacher, and this batch brings none',
    )
    const local = localTeacher(teacher, { backend })
    await expect(learner.evaluate(await withTop(local, [batch], { k: 5 }))).rejects.toThrow('this batch brings 5')
    await learner.close()
  })
})
