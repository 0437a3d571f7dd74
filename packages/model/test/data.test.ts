import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { firstFit } from '../src/data/first-fit.ts'
import { layOut } from '../src/data/layout.ts'
import { createTokenStore } from '../src/data/token-store.ts'
import {
  collectDocuments,
  createDataset,
  type Dataset,
  type Document,
  documentOf,
  splitDocuments,
  type TrainBatch,
} from '../src/index.ts'

/** Masks of documents; some learn everything, some only here and there. Each has something to learn. */
const masks = fc.array(
  fc
    .tuple(fc.integer({ min: 2, max: 40 }), fc.boolean(), fc.array(fc.boolean(), { minLength: 40, maxLength: 40 }))
    .map(([tokens, all, bits]) => Array.from({ length: tokens }, (_, t) => t > 0 && (all || bits[t]! || t === 1))),
  { minLength: 1, maxLength: 30 },
)

/** Documents in which no id occurs twice, so that a token tells where it is from. */
function documentsOf(all: readonly (readonly boolean[])[]): Document[] {
  let id = 0
  return all.map(mask => ({ ids: Int32Array.from(mask, () => id++), targets: Uint8Array.from(mask, Number) }))
}

const shapes = fc.record({
  length: fc.integer({ min: 2, max: 24 }),
  batch: fc.integer({ min: 1, max: 5 }),
  seed: fc.nat(1000),
  packing: fc.boolean(),
})

async function epoch(dataset: Dataset, number = 0): Promise<TrainBatch[]> {
  const batches: TrainBatch[] = []
  for (let step = 0; step < dataset.stepsPerEpoch; step++)
    batches.push(await dataset.batch(number * dataset.stepsPerEpoch + step))
  return batches
}

interface Row {
  readonly ids: number[]
  readonly weights: number[]
  readonly segments: number[]
  readonly positions: number[]
}

function rowsOf(batch: TrainBatch): Row[] {
  const [rows, length] = batch.ids.shape as [number, number]
  const part = (data: ArrayLike<unknown>, r: number) =>
    Array.from(data as Int32Array).slice(r * length, (r + 1) * length)
  return Array.from({ length: rows }, (_, r) => ({
    ids: part(batch.ids.data, r),
    weights: part(batch.weights.data, r),
    segments: part(batch.segments.data, r),
    positions: part(batch.positions.data, r),
  }))
}

/** The ids of each segment of a row. */
function segmentsOf({ ids, segments }: Row): number[][] {
  const count = Math.max(...segments) + 1
  return Array.from({ length: count }, (_, s) => ids.filter((_id, t) => segments[t] === s))
}

describe('an epoch', () => {
  test('predicts every token to learn once and no other, from the token before it in its document', async () => {
    await fc.assert(
      fc.asyncProperty(masks, shapes, async (all, options) => {
        const documents = documentsOf(all)
        const dataset = await createDataset(await collectDocuments(documents), options)
        const predicted: number[] = []
        for (const batch of await epoch(dataset))
          for (const { ids, weights, segments } of rowsOf(batch)) {
            expect(weights.at(-1)).toBe(0)
            weights.forEach((weight, t) => {
              if (weight === 0) return
              expect(weight).toBe(1)
              expect(segments[t + 1]).toBe(segments[t])
              expect(ids[t + 1]).toBe(ids[t]! + 1)
              predicted.push(ids[t + 1]!)
            })
          }
        const wanted = documents.flatMap(({ ids, targets }) => [...ids].filter((_, t) => targets[t] === 1))
        expect(predicted.sort((a, b) => a - b)).toEqual(wanted)
      }),
    )
  })

  test('divides no document that fits into a row, and cuts longer ones into overlapping windows', async () => {
    await fc.assert(
      fc.asyncProperty(masks, shapes, async (all, { length, batch, seed }) => {
        const documents = await collectDocuments(documentsOf(all))
        const pieces = async (packing: boolean) => {
          const batches = await epoch(await createDataset(documents, { length, batch, seed, packing }))
          return batches
            .flatMap(rowsOf)
            .flatMap(segmentsOf)
            .sort((a, b) => a[0]! - b[0]!)
        }
        const packed = await pieces(true)
        expect(packed).toEqual(await pieces(false))
        for (const { ids, targets } of documentsOf(all)) {
          const own = packed.filter(piece => piece[0]! >= ids[0]! && piece[0]! <= ids.at(-1)!)
          if (ids.length <= length) expect(own).toEqual([[...ids]])
          else if (targets.every((target, t) => t === 0 || target === 1)) {
            expect(own.flatMap((piece, i) => (i === 0 ? piece : piece.slice(1)))).toEqual([...ids])
            expect(own.slice(1).map(piece => piece[0])).toEqual(own.slice(0, -1).map(piece => piece.at(-1)))
          }
        }
      }),
    )
  })

  test('has something to learn in every row, positions from 0 in every document, and padding at the end only', async () => {
    await fc.assert(
      fc.asyncProperty(masks, shapes, async (all, options) => {
        const dataset = await createDataset(await collectDocuments(documentsOf(all)), options)
        const batches = await epoch(dataset)
        const rows = batches.flatMap(rowsOf)
        expect(rows).toHaveLength(dataset.stepsPerEpoch * options.batch)
        const filled = rows.filter(row => row.segments[0] === 0)
        expect(filled).toHaveLength(dataset.rows)
        for (const { weights, segments, positions } of filled) {
          expect(weights.includes(1)).toBe(true)
          segments.forEach((segment, t) => {
            if (t > 0) expect([segments[t - 1], segments[t - 1]! + 1, -1]).toContain(segment)
            const begins = t === 0 || segment !== segments[t - 1] || segment < 0
            expect(positions[t]).toBe(begins ? 0 : positions[t - 1]! + 1)
          })
        }
        const padding = filled.flatMap(row => row.segments).filter(segment => segment < 0).length
        expect(dataset.padding).toBeCloseTo(padding / (dataset.rows * options.length), 12)
        for (const { tokens, weights } of batches) {
          expect(tokens).toBeGreaterThan(0)
          expect(tokens).toBe([...weights.data].reduce((a, b) => a + b, 0))
        }
      }),
    )
  })

  test('written out: a masked prompt, padding, and the windows of a long document', async () => {
    const prompt = documentOf([7, 8, 9], 2)
    const one = await createDataset(await collectDocuments([prompt]), { length: 5, batch: 2 })
    expect(await one.batch(0)).toEqual({
      ids: { dtype: 'i32', shape: [2, 5], data: Int32Array.of(7, 8, 9, 0, 0, 0, 0, 0, 0, 0) },
      weights: { dtype: 'f32', shape: [2, 5], data: Float32Array.of(0, 1, 0, 0, 0, 0, 0, 0, 0, 0) },
      segments: { dtype: 'i32', shape: [2, 5], data: Int32Array.of(0, 0, 0, -1, -1, -1, -1, -1, -1, -1) },
      positions: { dtype: 'i32', shape: [2, 5], data: Int32Array.of(0, 1, 2, 0, 0, 0, 0, 0, 0, 0) },
      tokens: 1,
    })
    const long = await collectDocuments([documentOf([0, 1, 2, 3, 4, 5, 6, 7], 5)])
    const windows = await createDataset(long, { length: 3, batch: 4 })
    const ids = rowsOf(await windows.batch(0)).map(row => row.ids.join())
    // Windows 0 1 2 and 2 3 4 lie inside the prompt.
    expect(ids.sort()).toEqual(['0,0,0', '4,5,6', '0,0,0', '6,7,0'].sort())
    expect(windows.cut).toBe(1)
  })
})

describe('order', () => {
  test('any step can be reached directly, and is the one that is reached step by step', async () => {
    await fc.assert(
      fc.asyncProperty(masks, shapes, fc.nat(60), async (all, options, wanted) => {
        const documents = await collectDocuments(documentsOf(all))
        const walking = await createDataset(documents, options)
        let reached: TrainBatch | undefined
        for (let step = 0; step <= wanted; step++) reached = await walking.batch(step)
        const direct = await createDataset(await collectDocuments(documentsOf(all)), options)
        expect(await direct.batch(wanted)).toEqual(reached)
        expect(await walking.batch(0)).toEqual(await direct.batch(0))
      }),
      { numRuns: 40 },
    )
  })

  const documents = documentsOf(Array.from({ length: 40 }, () => [false, true, true]))
  const order = async (seed: number, packing: boolean, number = 0) => {
    const dataset = await createDataset(await collectDocuments(documents), { length: 3, batch: 1, seed, packing })
    return (await epoch(dataset, number)).map(batch => Number(batch.ids.data[0]))
  }

  test.each([true, false])('the same seed gives the same order, another seed another (packing: %s)', async packing => {
    expect(await order(1, packing)).toEqual(await order(1, packing))
    expect(await order(2, packing)).not.toEqual(await order(1, packing))
  })

  test('every epoch has an order of its own, and the same rows', async () => {
    const [first, second] = [await order(1, true, 0), await order(1, true, 1)]
    expect(second).not.toEqual(first)
    expect(second.toSorted()).toEqual(first.toSorted())
  })

  test('packs documents in a shuffled order: neighbours in the file are not neighbours in a row', async () => {
    const layout = await layOut(await collectDocuments(documents), { length: 6, seed: 1 })
    expect(layout.rows).toBe(20)
    expect(layout.padding).toBe(0)
    const pairs = Array.from({ length: 20 }, (_, r) => [...layout.row(r)])
    expect(pairs.flat().sort((a, b) => a - b)).toEqual(Array.from({ length: 40 }, (_, i) => i))
    expect(pairs.filter(([a, b]) => Math.abs(a! - b!) === 1).length).toBeLessThan(10)
  })

  test('refuses what is no step, no batch and no length', async () => {
    const given = await collectDocuments(documents)
    const dataset = await createDataset(given, { length: 3, batch: 1 })
    for (const step of [-1, 0.5, Number.NaN]) await expect(dataset.batch(step)).rejects.toThrow(/whole number from 0/)
    for (const length of [1, 2.5, 2 ** 24])
      await expect(createDataset(given, { length, batch: 1 })).rejects.toThrow(/length|batch/)
    for (const batch of [0, 2 ** 30])
      await expect(createDataset(given, { length: 3, batch })).rejects.toThrow(/batch: expected/)
    await expect(createDataset(given, { length: 3, batch: 1, documents: [] })).rejects.toThrow(
      /no documents were chosen/,
    )
    await expect(createDataset(given, { length: 3, batch: 1, documents: [40] })).rejects.toThrow(/0 … 39/)
  })
})

test('first-fit is the first row with room', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 20 }), { maxLength: 60 }), sizes => {
      const room: number[] = []
      const naive = sizes.map(size => {
        const found = room.findIndex(left => left >= size)
        const row = found < 0 ? room.push(20) - 1 : found
        room[row]! -= size
        return row
      })
      expect([...firstFit(sizes, 20)]).toEqual(naive)
    }),
  )
})

describe('what is held out', () => {
  const many = documentsOf(Array.from({ length: 1000 }, () => [false, true]))

  test('is disjoint from the training, and both together are everything', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(1000), fc.integer({ min: 1, max: 29 }), async (seed, count) => {
        const documents = await collectDocuments(many.slice(0, 30))
        const { train, heldOut } = splitDocuments(documents, { count, seed })
        expect(heldOut).toHaveLength(count)
        expect([...train, ...heldOut].sort((a, b) => a - b)).toEqual(Array.from({ length: 30 }, (_, i) => i))
      }),
      { numRuns: 30 },
    )
  })

  test('is about the fraction, the same for a seed, and another for another', async () => {
    const documents = await collectDocuments(many)
    const { heldOut } = splitDocuments(documents, { fraction: 0.2, seed: 1 })
    // Six standard deviations of a binomial around 200.
    expect(Math.abs(heldOut.length - 200)).toBeLessThan(76)
    expect(splitDocuments(documents, { fraction: 0.2, seed: 1 }).heldOut).toEqual(heldOut)
    expect(splitDocuments(documents, { fraction: 0.2, seed: 2 }).heldOut).not.toEqual(heldOut)
  })

  test('stays held out when documents are added or come in another order', async () => {
    const first = (numbers: Int32Array, from: readonly Document[]) => new Set([...numbers].map(i => from[i]!.ids[0]!))
    const few = many.slice(0, 300)
    const reversed = many.toReversed()
    const before = first(splitDocuments(await collectDocuments(few), { fraction: 0.1 }).heldOut, few)
    const after = first(splitDocuments(await collectDocuments(reversed), { fraction: 0.1 }).heldOut, reversed)
    expect(before.size).toBeGreaterThan(0)
    expect(after.size).toBeGreaterThan(before.size)
    for (const id of before) expect(after).toContain(id)
  })

  test('has copies of a document on one side', async () => {
    const copies = [...many.slice(0, 20), ...many.slice(0, 20)]
    const { heldOut } = splitDocuments(await collectDocuments(copies), { count: 5 })
    expect(heldOut).toHaveLength(6)
    expect([...heldOut].slice(0, 3).map(i => i + 20)).toEqual([...heldOut].slice(3))
  })

  test('is an error when a side is empty, or the share is none', async () => {
    const one = await collectDocuments(many.slice(0, 1))
    expect(() => splitDocuments(one, { count: 1 })).toThrow(/none is left to train on.*separator/s)
    expect(() => splitDocuments(one, { fraction: 1e-9 })).toThrow(/none is left to hold out/)
    for (const share of [{}, { count: 1, fraction: 0.1 }, { fraction: 1 }, { count: 0 }, { count: 1.5 }])
      expect(() => splitDocuments(one, share)).toThrow(/held out: expected/)
  })

  test('trains on the chosen documents only', async () => {
    const documents = await collectDocuments(many.slice(0, 30))
    const { train, heldOut } = splitDocuments(documents, { count: 10 })
    const seen = async (chosen: Int32Array) => {
      const dataset = await createDataset(documents, { documents: chosen, length: 8, batch: 2 })
      const segments = (await epoch(dataset)).flatMap(rowsOf).flatMap(segmentsOf)
      return segments.map(([id]) => id! / 2).sort((a, b) => a - b)
    }
    expect(await seen(train)).toEqual([...train])
    expect(await seen(heldOut)).toEqual([...heldOut])
  })
})

describe('the store of tokens', () => {
  test('gives back what was put in, from memory and from the file', async () => {
    await fc.assert(
      fc.asyncProperty(masks, fc.integer({ min: 1, max: 9 }), fc.nat(4), async (all, chunk, kept) => {
        const store = createTokenStore({ memory: kept * chunk * 4 }, chunk)
        const documents = documentsOf(all)
        for (const document of documents) await store.append(document)
        let start = 0
        for (const { ids, targets } of documents) {
          expect(await store.read(start, ids.length)).toEqual({ ids, targets })
          expect(await store.read(start + 1, 1)).toEqual({ ids: ids.slice(1, 2), targets: targets.slice(1, 2) })
          start += ids.length
        }
        await store.close()
      }),
      { numRuns: 50 },
    )
  })

  test('writes what memory has no room for, and takes it away', async () => {
    const scratch = mkdtempSync(join(tmpdir(), 'sinter-scratch-'))
    try {
      const tokens = 2 ** 20 + 5
      const document = documentOf(Int32Array.from({ length: tokens }, (_, t) => t))
      const documents = await collectDocuments([document, documentOf([1, 2])], { memory: 0, scratch })
      expect(readdirSync(scratch)).toHaveLength(1)
      expect(await documents.read(0)).toEqual(document)
      expect((await documents.read(0, 2 ** 20 - 2, 4)).ids).toEqual(document.ids.slice(2 ** 20 - 2, 2 ** 20 + 2))
      expect((await documents.read(1)).ids).toEqual(Int32Array.of(1, 2))
      await documents.close()
      expect(readdirSync(scratch)).toEqual([])
    } finally {
      rmSync(scratch, { recursive: true })
    }
    expect(existsSync(scratch)).toBe(false)
  })
})

describe('documents given from elsewhere', () => {
  const document = (ids: number[], targets: number[]): Document => ({
    ids: Int32Array.from(ids),
    targets: Uint8Array.from(targets),
  })

  test.each<[string, Document, RegExp]>([
    ['as many targets as ids', document([1, 2], [0]), /2 ids and 1 targets/],
    ['nothing to learn', document([1, 2], [0, 0]), /none to learn/],
    ['the first token', document([1, 2], [1, 1]), /token 0/],
    ['a target that is neither', document([1, 2], [0, 2]), /0 or 1/],
    ['an id below zero', document([1, -2], [0, 1]), /id -2/],
    ['an id too large', document([1, 2 ** 22], [0, 1]), /id 4194304/],
  ])('are checked: %s', async (_title, bad, says) => {
    await expect(collectDocuments([bad])).rejects.toThrow(says)
  })

  test('have to be there, and are found only where they are', async () => {
    await expect(collectDocuments([])).rejects.toThrow(/no documents/)
    const documents = await collectDocuments([documentOf([1, 2, 3])])
    expect(() => documents.entry(1)).toThrow(/0 … 0/)
    await expect(documents.read(0, 2, 2)).rejects.toThrow(/has 3 tokens/)
    expect(await documents.read(0, 1)).toEqual({ ids: Int32Array.of(2, 3), targets: Uint8Array.of(1, 1) })
  })

  test('have a fingerprint of ids, targets and order', async () => {
    const print = async (...list: Document[]) => (await collectDocuments(list)).fingerprint
    const [a, b] = [documentOf([1, 2, 3]), documentOf([1, 2, 3], 2)]
    expect(await print(a, b)).toBe(await print(a, b))
    expect(new Set([await print(a, b), await print(b, a), await print(a), await print(b)]).size).toBe(4)
  })
})
