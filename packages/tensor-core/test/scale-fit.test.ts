import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createRng, fitGrid, fitSuperBlock, resolveGrid, type SuperGrid } from '../src/index.ts'
import { fitScale, fitScaleAndMin, runError } from '../src/scale-fit.ts'

const even = (count: number) => new Float64Array(count).fill(1)

function randomRun(count: number, seed: number) {
  const rng = createRng(seed)
  const values = Float64Array.from({ length: count }, () => rng.normal() * (rng.uniform() < 0.05 ? 3 : 1))
  return { values, importance: Float64Array.from({ length: count }, () => Math.exp(rng.normal())) }
}

describe('a scale alone', () => {
  test('weights that lie on a grid are given that grid, whichever end the largest is at', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 3, max: 6 }),
        fc.double({ min: 0.001, max: 100, noNaN: true }),
        fc.boolean(),
        fc.integer(),
        (bits, size, negative, seed) => {
          const half = 2 ** (bits - 1)
          const rng = createRng(seed)
          const codes = Array.from({ length: 32 }, () => Math.floor(rng.uniform() * 2 * half) - half)
          codes[5] = -half
          const scale = negative ? -size : size
          const run = { values: Float64Array.from(codes, code => scale * code), importance: even(32) }
          expect(fitScale(run, 0, 32, -half, half - 1) / scale).toBeCloseTo(1, 12)
        },
      ),
    )
  })

  test('no scale of a fine grid of them is better by more than a thirtieth', () => {
    for (let seed = 0; seed < 20; seed++) {
      const run = randomRun(32, seed)
      const error = (scale: number) => runError(run, 0, 32, scale, 0, -8, 7)
      const found = error(fitScale(run, 0, 32, -8, 7))
      const largest = Math.max(...run.values.map(Math.abs))
      for (let i = -400; i <= 400; i++) if (i !== 0) expect(found).toBeLessThan(1.03 * error((i / 400) * (largest / 4)))
    }
  })

  test('a run of zeros has the scale 0', () => {
    expect(fitScale({ values: new Float64Array(16), importance: even(16) }, 0, 16, -8, 7)).toBe(0)
  })
})

describe('a scale and a minimum', () => {
  test('weights that lie on a grid are given that grid', () => {
    fc.assert(
      fc.property(
        fc.integer(),
        fc.double({ min: -5, max: 5, noNaN: true }),
        fc.integer({ min: 2, max: 5 }),
        (seed, min, bits) => {
          const most = 2 ** bits - 1
          const rng = createRng(seed)
          const codes = Array.from({ length: 32 }, () => Math.floor(rng.uniform() * (most + 1)))
          codes[0] = 0
          codes[1] = most
          const run = { values: Float64Array.from(codes, code => 0.3 * code + min), importance: even(32) }
          const found = fitScaleAndMin(run, 0, 32, most, false)
          expect(found.scale).toBeCloseTo(0.3, 10)
          expect(found.min).toBeCloseTo(min, 10)
        },
      ),
    )
  })

  test('no minimum above 0 where none may be', () => {
    const run = { values: Float64Array.from({ length: 32 }, (_, i) => 10 + (i % 4)), importance: even(32) }
    expect(fitScaleAndMin(run, 0, 32, 15, true).min).toBeLessThanOrEqual(0)
    expect(fitScaleAndMin(run, 0, 32, 15, false).min).toBeCloseTo(10, 10)
  })

  test('all weights equal: the minimum says it all', () => {
    const run = { values: new Float64Array(32).fill(-3), importance: even(32) }
    const { scale, min } = fitScaleAndMin(run, 0, 32, 15, true)
    expect(runError(run, 0, 32, scale, min, 0, 15)).toBe(0)
  })
})

test('range fit: less weighted error than the search over shrunken ranges, on the whole', () => {
  for (const grid of [
    { bits: 4, symmetric: true, symmetricRange: 'signed' },
    { bits: 3, symmetric: false, zero: 'min' },
  ] as const) {
    let [fitted, searched] = [0, 0]
    for (let seed = 0; seed < 200; seed++) {
      const run = randomRun(32, seed)
      const error = (range: 'fit' | 'mse') => {
        const spec = resolveGrid({ ...grid, range, norm: 2, grid: 40, steps: 15 })
        const { scale, zero } = fitGrid(run.values, spec, 0, 32, run.importance)
        return grid.symmetric ? runError(run, 0, 32, scale, 0, -8, 7) : runError(run, 0, 32, scale, zero, 0, 7)
      }
      fitted += error('fit')
      searched += error('mse')
    }
    expect(fitted).toBeLessThan(0.97 * searched)
  }
  expect(() => resolveGrid({ bits: 4, symmetric: false, range: 'fit' })).toThrow('with a whole zero point use mse')
})

describe('super-blocks', () => {
  const signed: SuperGrid = { least: -4, most: 3, groupSize: 16, supers: { size: 256, least: -32, most: 31 } }
  const withMins: SuperGrid = {
    least: 0,
    most: 15,
    groupSize: 32,
    supers: { size: 256, least: 0, most: 63, mostMin: 63 },
  }

  function errorOf(run: ReturnType<typeof randomRun>, grid: SuperGrid) {
    const { scale, min, scaleCodes, minCodes } = fitSuperBlock(run, 0, grid)
    let error = 0
    scaleCodes.forEach((code, g) => {
      const from = g * grid.groupSize
      error += runError(run, from, grid.groupSize, scale * code, -min * minCodes[g]! + 0, grid.least, grid.most)
    })
    return { error, scale, min, scaleCodes, minCodes }
  }

  test.each([signed, withMins])(
    'codes are in range, scales of scales in f16, and little is lost to the second level',
    grid => {
      let [total, free] = [0, 0]
      for (let seed = 0; seed < 12; seed++) {
        const run = randomRun(256, seed)
        const { error, scale, min, scaleCodes, minCodes } = errorOf(run, grid)
        expect([...new Float16Array([scale, min])]).toEqual([scale, min])
        const { least, most, mostMin = 0 } = grid.supers
        expect(scaleCodes.every(code => code >= least && code <= most)).toBe(true)
        expect(minCodes.every(code => code >= 0 && code <= mostMin)).toBe(true)
        total += error
        for (let from = 0; from < 256; from += grid.groupSize) {
          const own =
            mostMin > 0
              ? fitScaleAndMin(run, from, grid.groupSize, grid.most, true)
              : { scale: fitScale(run, from, grid.groupSize, grid.least, grid.most), min: 0 }
          free += runError(run, from, grid.groupSize, own.scale, own.min, grid.least, grid.most)
        }
      }
      expect(total).toBeGreaterThan(0.98 * free)
      expect(total).toBeLessThan(1.08 * free)
    },
  )

  test('zeros, one weight among zeros, and weights as large as f16 cannot scale', () => {
    for (const grid of [signed, withMins]) {
      expect(errorOf({ values: new Float64Array(256), importance: even(256) }, grid).error).toBe(0)
      const one = { values: new Float64Array(256).fill(1, 40, 41), importance: even(256) }
      expect(errorOf(one, grid).error).toBeLessThan(1e-3)
      const huge = { values: Float64Array.from({ length: 256 }, (_, i) => (i - 128) * 1e6), importance: even(256) }
      const { scale, min } = errorOf(huge, grid)
      expect([scale, min].every(Number.isFinite)).toBe(true)
    }
  })
})
