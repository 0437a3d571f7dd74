import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { gridFromRange } from '../src/grid.ts'
import {
  columnSolve,
  createRng,
  defaultCompute,
  fitGrid,
  type GridSpec,
  resolveGrid,
  roundToF16,
} from '../src/index.ts'
import { addProduct, type View } from '../src/kernels/product.ts'

const normals = (count: number, seed: number) => Float64Array.from({ length: count }, createRng(seed).normal)

describe('products', () => {
  const view = (rows: number, cols: number, data: Float64Array): View => ({ data, offset: 0, stride: cols, rows, cols })

  function product(
    [m, k, n]: readonly [number, number, number],
    options: { transB: boolean; sign: 1 | -1; lowerB: boolean; by: 'rows' | 'cols' },
    shares: number,
    triangular = false,
  ) {
    const a = view(m, k, normals(m * k, 1))
    const b = options.transB ? view(n, k, normals(n * k, 2)) : view(k, n, normals(k * n, 2))
    if (triangular) for (let r = 0; r < k; r++) b.data.fill(0, r * n + r + 1, (r + 1) * n)
    const c = view(m, n, normals(m * n, 3))
    const quads = Math.ceil((options.by === 'rows' ? m : n) / 4)
    for (let s = 0; s < shares; s++)
      addProduct({ a, b, c, ...options }, Math.floor((quads * s) / shares), Math.floor((quads * (s + 1)) / shares))
    return c.data
  }

  test('however the work is shared: the same bytes', () => {
    for (const size of [
      [70, 300, 131],
      [130, 520, 9],
      [5, 257, 300],
    ] as const)
      for (const transB of [false, true])
        for (const sign of [1, -1] as const) {
          const alone = product(size, { transB, sign, lowerB: false, by: 'rows' }, 1)
          for (const by of ['rows', 'cols'] as const)
            for (const shares of [1, 2, 3])
              expect(product(size, { transB, sign, lowerB: false, by }, shares)).toEqual(alone)
        }
  })

  test('what lies above the diagonal of a lower B is skipped, not missed', () => {
    for (const n of [3, 128, 300, 513])
      for (const shares of [1, 2])
        expect(product([6, n, n], { transB: false, sign: -1, lowerB: true, by: 'cols' }, shares, true)).toEqual(
          product([6, n, n], { transB: false, sign: -1, lowerB: false, by: 'cols' }, 1, true),
        )
  })
})

describe('range search of many rows at once', () => {
  // Exact in f32 as in f64, and distinct enough that no two ranges cost the same.
  const [rows, width, groupSize] = [150, 100, 48]
  const weight = { shape: [rows, width], data: Float32Array.from(normals(rows * width, 5)) }
  const search = { range: 'mse', norm: 2, grid: 40, steps: 15 } as const
  const diagonal = new Float64Array(width * width)
  for (let i = 0; i < width; i++) diagonal[i * width + i] = 1 + (i % 5)

  test.each<[string, GridSpec]>([
    ['signed', { bits: 4, symmetric: true, symmetricRange: 'signed', ...search }],
    ['full range, f64', { bits: 3, symmetric: true, scaleDType: 'f64', ...search }],
    ['asymmetric', { bits: 3, symmetric: false, ...search }],
    ['minimums', { bits: 2, symmetric: false, zero: 'min', ...search }],
    ['no search', { bits: 4, symmetric: false }],
    ['another norm', { bits: 4, symmetric: true, range: 'mse', norm: 2.4 }],
  ])('%s: the grids that fitGrid finds row by row', async (_, spec) => {
    const options = { quantize: { ...spec, groupSize, groups: 'static', weighted: true }, damping: 0 } as const
    const { quantized } = await columnSolve(weight, diagonal, options, defaultCompute())
    const { scales, zeroPoints, mins, groupCount } = quantized!
    const grid = resolveGrid(spec)
    for (let r = 0; r < rows; r++)
      for (let g = 0; g < groupCount; g++) {
        const [start, end] = [g * groupSize, Math.min(width, (g + 1) * groupSize)]
        const run = Float64Array.from(weight.data.subarray(r * width + start, r * width + end))
        const importance = run.map((_, k) => 1 + ((start + k) % 5))
        const { scale, zero } = fitGrid(run, grid, 0, run.length, importance)
        expect(scales[r * groupCount + g]).toBe(scale)
        expect((mins ?? zeroPoints)![r * groupCount + g]).toBe(zero)
      }
  })

  test('scales are rounded as f16 rounds', () => {
    const grid = resolveGrid({ bits: 4, symmetric: true, symmetricRange: 'signed' })
    const scale = fc.oneof(fc.double({ min: 2 ** -26, max: 70000, noNaN: true }), fc.integer({ min: 1, max: 2 ** 13 }))
    fc.assert(
      fc.property(scale, fc.integer({ min: -24, max: 3 }), (size, exponent) => {
        const exact = Math.min(65504 * 8, size * 2 ** exponent)
        const expected = Math.min(65504, Math.max(2 ** -24, roundToF16(exact / 8)))
        expect(gridFromRange(-exact, 0, grid).scale).toBe(expected)
      }),
      { numRuns: 2000 },
    )
  })
})
