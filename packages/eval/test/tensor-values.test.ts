import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { tensorDifference } from '../src/values/tensor-difference.ts'
import { asMatrix, type TensorValues, tensorValues } from '../src/values/tensor-values.ts'
import { magnitudeEdge } from '../src/values/value-histogram.ts'
import { summarizeGroups, summarizeValues, type ValueSummary } from '../src/values/value-moments.ts'

/** The definitions, written down once more. */
function plainly(values: readonly number[]): ValueSummary {
  const finite = values.filter(Number.isFinite)
  const n = finite.length
  const mean = finite.reduce((a, b) => a + b, 0) / n
  const moment = (power: number): number => finite.reduce((a, x) => a + (x - mean) ** power, 0) / n
  const counts = {
    count: n,
    nan: values.filter(Number.isNaN).length,
    positiveInfinity: values.filter(x => x === Infinity).length,
    negativeInfinity: values.filter(x => x === -Infinity).length,
    zeros: finite.filter(x => x === 0).length,
  }
  if (n === 0) return { ...counts, min: null, max: null, absMax: null, mean: null, std: null, kurtosis: null }
  return {
    ...counts,
    min: Math.min(...finite),
    max: Math.max(...finite),
    absMax: Math.max(...finite.map(Math.abs)),
    mean,
    std: Math.sqrt(moment(2)),
    kurtosis: new Set(finite.map(x => x + 0)).size === 1 ? null : moment(4) / moment(2) ** 2,
  }
}

function expectSummary(found: ValueSummary, values: readonly number[]): void {
  const { mean, std, kurtosis, min, max, ...exact } = plainly(values)
  expect(found).toMatchObject(exact)
  expect(found.min === null ? null : found.min + 0).toBe(min === null ? null : min + 0)
  expect(found.max === null ? null : found.max + 0).toBe(max === null ? null : max + 0)
  const scale = exact.absMax ?? 0
  if (mean === null) expect(found.mean).toBeNull()
  else expect(Math.abs(found.mean! - mean)).toBeLessThanOrEqual(1e-13 * scale)
  if (std === null) expect(found.std).toBeNull()
  else expect(Math.abs(found.std! - std)).toBeLessThanOrEqual(1e-7 * scale)
  if (kurtosis === null || std! < 1e-6 * scale) return
  expect(Math.abs(found.kurtosis! / kurtosis - 1)).toBeLessThan(1e-6)
}

function inPieces(shape: readonly number[], values: Float32Array, piece: number, options = {}): TensorValues {
  const counter = tensorValues(shape, options)
  for (let at = 0; at < values.length; at += piece) counter.add(values.subarray(at, at + piece))
  return counter.result()
}

const value = fc.oneof(
  { weight: 8, arbitrary: fc.float({ min: -4, max: 4, noNaN: true }) },
  { weight: 1, arbitrary: fc.constantFrom(0, -0, Number.NaN, Infinity, -Infinity, 1e30, -1e-30) },
)

const matrix = fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 40 })).chain(([rows, columns]) =>
  fc.record({
    rows: fc.constant(rows),
    columns: fc.constant(columns),
    values: fc.array(value, { minLength: rows * columns, maxLength: rows * columns }).map(v => Float32Array.from(v)),
    piece: fc.integer({ min: 1, max: rows * columns }),
    groupSize: fc.integer({ min: 1, max: 16 }),
  }),
)

describe('summaries', () => {
  it('of all values, rows and groups of columns are those of plain loops, whatever the pieces', () => {
    fc.assert(
      fc.property(matrix, ({ rows, columns, values, piece, groupSize }) => {
        const found = inPieces([rows, columns], values, piece, { groupSize })
        const at = (r: number, c: number): number => values[r * columns + c]!
        expectSummary(found.total, [...values])
        found.rows.parts.forEach((part, r) => {
          expectSummary(part, [...values.subarray(r * columns, (r + 1) * columns)])
        })
        expect(found.columnGroups.parts).toHaveLength(Math.ceil(columns / groupSize))
        found.columnGroups.parts.forEach((part, g) => {
          const of: number[] = []
          for (let r = 0; r < rows; r++)
            for (let c = g * groupSize; c < Math.min(columns, (g + 1) * groupSize); c++) of.push(at(r, c))
          expectSummary(part, of)
        })
      }),
      { numRuns: 150 },
    )
  })

  it('of a normal sample: kurtosis 3, and a mean far from zero costs no digits', () => {
    let seed = 1
    const uniform = (): number => (seed = (seed * 48271) % 2147483647) / 2147483647
    const normal = Float32Array.from(
      { length: 60_000 },
      () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform()),
    )
    expect(summarizeValues(normal).kurtosis).toBeCloseTo(3, 1)
    const far = Float32Array.from({ length: 4096 }, (_, i) => 1e6 + (i % 2))
    expect(inPieces([64, 64], far, 100).total).toMatchObject({ mean: 1e6 + 0.5, kurtosis: 1 })
    expect(inPieces([64, 64], far, 100).total.std).toBeCloseTo(0.5, 9)
  })

  it('of groups of one row; the last may be shorter', () => {
    const groups = summarizeGroups(Float32Array.of(1, 2, 3, -8, 5), 2)
    expect(groups.map(({ count, absMax }) => [count, absMax])).toEqual([
      [2, 2],
      [2, 8],
      [1, 5],
    ])
    expect(() => summarizeGroups(new Float32Array(3), 0)).toThrow('groupSize')
  })

  it('are joined where an axis has too many of them', () => {
    const found = inPieces(
      [100, 3],
      Float32Array.from({ length: 300 }, (_, i) => i),
      7,
      { parts: 16 },
    )
    expect(found.rows.each).toBe(7)
    expect(found.rows.parts.map(part => part.min)).toEqual(Array.from({ length: 15 }, (_, i) => i * 21))
  })
})

describe('histograms', () => {
  it('count every finite value in the bin whose edges hold it', () => {
    fc.assert(
      fc.property(matrix, fc.integer({ min: 1, max: 64 }), ({ rows, columns, values, piece }, bins) => {
        const { histogram, magnitudes } = inPieces([rows, columns], values, piece, { bins })
        const finite = [...values].filter(Number.isFinite)
        const { from, width, counts } = histogram
        // One bin more when zero is made the end of one.
        expect(counts.length).toBeLessThanOrEqual(bins + 1)
        const expected = new Array<number>(counts.length).fill(0)
        for (const x of finite) {
          const at = width === 0 ? 0 : (x - from) / width
          const bin = x < 0 ? Math.ceil(at) - 1 : Math.floor(at)
          // Beside a value of 1e30 small negative ones vanish in the subtraction: they are in the last bin below zero.
          expected[x < 0 ? Math.min(bin, Math.round(-from / width) - 1) : bin]!++
        }
        expect(counts).toEqual(expected)
        const { first, positive, negative, zeros } = magnitudes
        const within = (i: number) => (x: number) => x >= magnitudeEdge(first + i) && x < magnitudeEdge(first + i + 1)
        expect(zeros).toBe(finite.filter(x => x === 0).length)
        positive.forEach((count, i) => {
          expect(count).toBe(finite.filter(x => x > 0 && within(i)(x)).length)
        })
        negative.forEach((count, i) => {
          expect(count).toBe(finite.filter(x => x < 0 && within(i)(-x)).length)
        })
        const all = [...positive, ...negative].reduce((a, b) => a + b, zeros)
        expect(all).toBe(finite.length)
      }),
      { numRuns: 150 },
    )
  })

  it('of nothing, of zeros, of what is not a number', () => {
    expect(inPieces([0, 4], new Float32Array(0), 1).histogram.counts).toEqual([])
    expect(inPieces([4], new Float32Array(4), 1).histogram.counts).toEqual([4])
    const none = inPieces([2], Float32Array.of(Number.NaN, Infinity), 2)
    expect(none.histogram.counts).toEqual([])
    expect(none.total).toMatchObject({ count: 0, nan: 1, positiveInfinity: 1, mean: null })
    expect(none.map.unbounded).toEqual([1, 1])
  })
})

describe('the map', () => {
  it('has the mean and the extreme of every cell, by definition', () => {
    fc.assert(
      fc.property(matrix, ({ rows, columns, values, piece }) => {
        const { map } = inPieces([rows, columns], values, piece, { mapRows: 4, mapColumns: 5 })
        const cells = new Map<number, number[]>()
        values.forEach((x, i) => {
          const row = Math.floor((Math.floor(i / columns) * map.rows) / rows)
          const column = Math.floor(((i % columns) * map.columns) / columns)
          const cell = row * map.columns + column
          cells.set(cell, [...(cells.get(cell) ?? []), x])
        })
        for (const [cell, all] of cells) {
          const finite = all.filter(Number.isFinite)
          const largest = Math.max(...finite.map(Math.abs))
          expect(map.unbounded[cell]).toBe(all.length - finite.length)
          if (finite.length === 0) expect([map.mean[cell], map.extreme[cell]]).toEqual([null, null])
          else {
            expect(Math.abs(map.extreme[cell]!)).toBe(largest)
            const mean = finite.reduce((a, b) => a + b, 0) / finite.length
            expect(Math.abs(map.mean[cell]! - mean)).toBeLessThanOrEqual(1e-13 * largest)
          }
        }
        expect(cells.size).toBe(map.rows * map.columns)
      }),
      { numRuns: 100 },
    )
  })
})

it('a shape is a matrix of its last axis', () => {
  expect(asMatrix([])).toEqual([1, 1])
  expect(asMatrix([7])).toEqual([1, 7])
  expect(asMatrix([2, 3, 4])).toEqual([6, 4])
})

it('too many and too few values are refused', () => {
  const counter = tensorValues([2, 2])
  counter.add(new Float32Array(3))
  expect(() => counter.result()).toThrow('got only 3')
  expect(() => counter.add(new Float32Array(2))).toThrow('has 4 values')
})

describe('the difference of two tensors', () => {
  const differ = (a: number[], b: number[]) => {
    const counter = tensorDifference()
    counter.add(Float32Array.from(a), Float32Array.from(b))
    return counter.result()
  }

  it('by hand', () => {
    const found = differ([3, 4, 0], [3, 0, 0])
    expect(found).toMatchObject({ values: 3, maxAbs: 4, relative: 0.8, cosine: 0.6, equal: false })
    expect(found.rms).toBeCloseTo(4 / Math.sqrt(3), 12)
  })

  it('of equal ones is nothing, and what is not finite is told apart', () => {
    expect(differ([1, Infinity, Number.NaN], [1, Infinity, Number.NaN])).toMatchObject({ equal: true, relative: 0 })
    expect(differ([1, 2], [Number.NaN, 2])).toMatchObject({ equal: false, unbounded: 1, maxAbs: 0 })
    expect(differ([0], [1])).toMatchObject({ relative: null, cosine: null })
  })
})
