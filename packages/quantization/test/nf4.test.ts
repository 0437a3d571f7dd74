import { type Golden, goldenTest } from '@sinter/model/testing'
import {
  type CodebookWeight,
  codebookWeight,
  createRng,
  dynamicMap,
  type QuantizedScales,
  type TensorF32,
  toF32,
} from '@sinter/tensor-core'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { blockCodes, quantizedScales } from '../src/block-codes.ts'
import { fp4, fp4Levels } from '../src/fp4.ts'
import { levelSearch, searchRun } from '../src/level-search.ts'
import { nf4, nf4Levels } from '../src/nf4.ts'
import { rtn } from '../src/rtn.ts'

const codebookGolden = (title: string, body: (golden: Golden) => void): void =>
  goldenTest(`bitsandbytes 0.50.2, ${title}`, import.meta.url, 'bitsandbytes', ['fourbit'], body)

const methods = { nf4: { round: nf4, levels: nf4Levels }, fp4: { round: fp4, levels: fp4Levels } }

const scalesOf = ({ codebook }: CodebookWeight) => codebook.scales as Float32Array
const doubledOf = ({ codebook }: CodebookWeight) => codebook.scales as QuantizedScales

for (const [name, { round, levels }] of Object.entries(methods))
  codebookGolden(
    `${name}: table, bytes, scales and what they decode to, with and without double quantization`,
    golden => {
      const f32 = (key: string) => toF32(golden.tensor(`${name}${key}`)).data
      const weight = toF32(golden.tensor('W'))
      expect(levels).toEqual(f32('_table'))

      const plain = round(weight, { doubleQuant: false })
      expect(plain.codebook.packed).toEqual(golden.tensor(`${name}.b64.packed`).data)
      expect(scalesOf(plain)).toEqual(f32('.b64.absmax'))
      expect(plain.dense().data).toEqual(f32('.b64.dequant'))

      const double = round(weight)
      expect(double.codebook.packed).toEqual(plain.codebook.packed)
      expect(doubledOf(double).codes).toEqual(golden.tensor(`${name}.b64.double.absmax_codes`).data)
      // torch adds the scales up in f32, in lanes: its mean is one unit in the last place from ours. From its mean on all is equal.
      const offset = f32('.b64.double.offset')[0]!
      expect(Math.abs(doubledOf(double).offset / offset - 1)).toBeLessThan(2 ** -23)
      const scales = quantizedScales(scalesOf(plain), offset)
      expect(scales.codes).toEqual(doubledOf(double).codes)
      expect(scales.absmax).toEqual(f32('.b64.double.nested_absmax'))
      expect(codebookWeight({ ...plain.codebook, scales }).dense().data).toEqual(f32('.b64.double.dequant'))
    },
  )

codebookGolden('8-bit codes of the dynamic map', golden => {
  const { data } = toF32(golden.tensor('W'))
  const search = levelSearch(dynamicMap())
  const recorded = golden.tensor('blockwise8.codes').data as Uint8Array
  const { codes, absmax } = blockCodes(data, 256, search)
  expect(absmax).toEqual(golden.tensor('blockwise8.absmax').data)
  // The CPU kernel looks codes up in a table of 65,536 numbers: it rounds to 1/32,767.5 first. So rounded, ours are the same.
  const rounded = data.map((w, k) => Math.round((w / absmax[k >> 8]! + 1) * 32767.5) / 32767.5 - 1)
  const out = new Uint8Array(data.length)
  searchRun(rounded, 0, rounded.length, 1, search, out)
  expect(out).toEqual(recorded)
  // Without that only what lies that near to a pivot has another code: ten weights, and the zeros, which get 2e-5 there.
  const others = [...codes.keys()].filter(k => codes[k] !== recorded[k])
  expect(others.filter(k => data[k] !== 0)).toHaveLength(10)
  for (const k of others) {
    const x = data[k]! / absmax[k >> 8]!
    expect(Math.min(...Array.from(search.pivots, pivot => Math.abs(pivot - x)))).toBeLessThan(0.5 / 32767.5)
  }
})

describe('codes', () => {
  /** Few bits: weights that lie on the middle of two levels of FP4, 5/24 or 7/12 of the largest, are among them. */
  const short = fc
    .tuple(fc.integer({ min: -96, max: 96 }), fc.integer({ min: -3, max: 0 }))
    .map(([m, e]) => m * 2 ** (e - 6))
  const any = fc.float({ noNaN: true, noDefaultInfinity: true })
  const blocks = fc.oneof(...[short, any].map(value => fc.array(value, { minLength: 1, maxLength: 40 })))
  const size = fc.integer({ min: 1, max: 16 })

  for (const [name, { round, levels }] of Object.entries(methods))
    test(`${name}: no level of the block is nearer than the one that was taken`, () => {
      fc.assert(
        fc.property(blocks, size, (row, blockSize) => {
          const weight: TensorF32 = { dtype: 'f32', shape: [1, row.length], data: Float32Array.from(row) }
          const { data } = round(weight, { blockSize, doubleQuant: false }).dense()
          for (const [k, w] of row.entries()) {
            const start = k - (k % blockSize)
            const largest = Math.max(...row.slice(start, start + blockSize).map(Math.abs))
            const least = Math.min(...Array.from(levels, level => Math.abs(level * largest - w)))
            // A few roundings to f32 of numbers up to the largest.
            expect(Math.abs(data[k]! - w)).toBeLessThanOrEqual(least + largest * 2 ** -21 + 2 ** -148)
          }
        }),
        { numRuns: 500 },
      )
    })

  test('blocks run over the ends of rows: the shape changes nothing', () => {
    const rng = createRng('rows')
    const data = Float32Array.from({ length: 960 }, () => rng.normal())
    const shaped = (shape: number[]) => nf4({ dtype: 'f32', shape, data })
    expect(shaped([20, 48]).parts()).toEqual(shaped([10, 96]).parts())
    expect(shaped([20, 48]).dense().data).toEqual(shaped([1, 960]).dense().data)
  })

  test('every level is its own code, at any scale that f32 has', () => {
    for (const { round, levels } of Object.values(methods))
      for (const scale of [1, 3e38, 1e-30, 2 ** -126].map(Math.fround)) {
        const data = levels.map(level => level * scale)
        const weight = round({ dtype: 'f32', shape: [4, 4], data }, { doubleQuant: false })
        expect(weight.dense().data).toEqual(data)
      }
  })
})

/** Φ by Simpson's rule. */
function normalCdf(x: number): number {
  const steps = 2000
  const h = x / steps
  const density = (t: number) => Math.exp((-t * t) / 2) / Math.sqrt(2 * Math.PI)
  const weighted = (k: number) => (k === 0 || k === steps ? 1 : k % 2 === 1 ? 4 : 2) * density(k * h)
  return 0.5 + (h / 3) * Array.from({ length: steps + 1 }, (_, k) => weighted(k)).reduce((a, b) => a + b)
}

test('NF4 levels are quantiles of the normal distribution at even distances, eight up and seven down (arXiv:2305.14314 §3)', () => {
  const last = (1 - 1 / 30 + (1 - 1 / 32)) / 2
  let [low, high] = [1, 3]
  while (high - low > 1e-12) {
    const middle = (low + high) / 2
    if (normalCdf(middle) < last) low = middle
    else high = middle
  }
  const share = (steps: number, k: number) => last + ((0.5 - last) * k) / steps
  for (const [code, level] of nf4Levels.entries()) {
    const expected = code < 7 ? share(7, code) : share(8, 15 - code)
    expect(normalCdf(Math.abs(level) * low)).toBeCloseTo(expected, 6)
  }
})

describe('relative squared error in blocks of 64', () => {
  const count = 2 ** 18
  const matrix = (value: () => number): TensorF32 => ({
    dtype: 'f32',
    shape: [512, count / 512],
    data: Float32Array.from({ length: count }, value),
  })
  const rng = createRng('errors')
  const gaussian = matrix(() => rng.normal())
  /** Student's t with 5 degrees of freedom: heavy tails. */
  const heavy = matrix(() => {
    const chi = Array.from({ length: 5 }, () => rng.normal() ** 2).reduce((a, b) => a + b)
    return rng.normal() / Math.sqrt(chi / 5)
  })
  const error = (before: TensorF32, after: { dense(): TensorF32 }): number => {
    const { data } = after.dense()
    const total = before.data.reduce((sum, w) => sum + w * w, 0)
    return before.data.reduce((sum, w, k) => sum + (w - data[k]!) ** 2, 0) / total
  }
  const even = (weight: TensorF32) =>
    rtn(weight, { bits: 4, groupSize: 64, symmetricRange: 'restricted', scaleDType: 'f32' })

  test('Gaussian: NF4 0.0085 < evenly spaced 0.0117 < FP4 0.0149', () => {
    expect(error(gaussian, nf4(gaussian, { doubleQuant: false }))).toBeCloseTo(0.0085, 3.7)
    expect(error(gaussian, even(gaussian))).toBeCloseTo(0.0117, 3.7)
    expect(error(gaussian, fp4(gaussian, { doubleQuant: false }))).toBeCloseTo(0.0149, 3.7)
  })

  test('heavy tails: NF4 0.0109 < evenly spaced 0.0212 < FP4 0.0236', () => {
    expect(error(heavy, nf4(heavy, { doubleQuant: false }))).toBeCloseTo(0.0109, 3)
    expect(error(heavy, even(heavy))).toBeCloseTo(0.0212, 3)
    expect(error(heavy, fp4(heavy, { doubleQuant: false }))).toBeCloseTo(0.0236, 3)
  })

  test('scales in 8 bits cost less than a hundredth of it, and a quarter of the bits', () => {
    const [plain, double] = [nf4(gaussian, { doubleQuant: false }), nf4(gaussian)]
    expect(error(gaussian, double) / error(gaussian, plain)).toBeLessThan(1.01)
    expect(double.bits().scales / plain.bits().scales).toBeLessThan(0.26)
  })
})
