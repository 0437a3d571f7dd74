import { goldenTest } from '@sinter/model/testing'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Averaging, averageInto, averagingRate, averagingSchema } from '../src/train/average.ts'
import { clipGlobalNorm, clipValue, globalNorm } from '../src/train/clip.ts'
import { scheduleOf, scheduleSchema } from '../src/train/schedule.ts'

describe('schedules', () => {
  const warmup = 4
  const recorded: Readonly<Record<string, object>> = {
    linear: { name: 'linear', warmup },
    cosine: { name: 'cosine', warmup },
    constant_warmup: { name: 'constant', warmup },
    cosine_restarts: { name: 'cosine-restarts', warmup, cycles: 2 },
    polynomial: { name: 'polynomial', warmup, power: 2, minimum: 0.01 },
    inverse_sqrt: { name: 'inverse-sqrt', warmup },
    cosine_min_lr: { name: 'cosine', warmup, minimum: 0.1 },
    wsd: { name: 'wsd', warmup, decay: 5 },
  }

  goldenTest('the rates of transformers, to two past the end', import.meta.url, 'optimisers', ['schedules'], golden => {
    expect(golden.names().toSorted()).toEqual(Object.keys(recorded).sort())
    for (const [name, options] of Object.entries(recorded)) {
      const multiplier = scheduleOf(scheduleSchema.parse(options), 20)
      const worst = golden.f64(name).map((rate, step) => Math.abs(0.001 * multiplier(step) - rate))
      expect(Math.max(...worst), name).toBeLessThan(1e-15)
    }
  })

  test.each(Object.values(recorded))(
    '%o: a warm-up of nothing starts at the full rate, and no rate leaves 0 … 1',
    given => {
      fc.assert(
        fc.property(fc.integer({ min: 10, max: 5000 }), fc.nat(), (steps, at) => {
          const multiplier = scheduleOf(scheduleSchema.parse({ ...given, warmup: 0 }), steps)
          expect(multiplier(0)).toBe(1)
          const value = multiplier(at % (steps + 1))
          expect(value).toBeGreaterThanOrEqual(0)
          expect(value).toBeLessThanOrEqual(1)
        }),
      )
    },
  )

  test('lengths below 1 are shares of the run, rounded up', () => {
    const multiplier = scheduleOf(scheduleSchema.parse({ name: 'wsd', warmup: 0.03, decay: 0.25 }), 110)
    expect([0, 1, 2, 3, 4].map(multiplier)).toEqual([0, 0.25, 0.5, 0.75, 1])
    expect([81, 82, 83].map(step => multiplier(step) < 1)).toEqual([false, false, true])
    expect(multiplier(110)).toBe(0)
  })

  test('what makes no sense is refused', () => {
    expect(() => scheduleSchema.parse({ name: 'linear', warmup: 2.5 })).toThrow(/share of the run/)
    expect(() => scheduleSchema.parse({ name: 'linear', minimum: 0.1 })).toThrow(/minimum/)
    const long = scheduleSchema.parse({ name: 'wsd', warmup: 15, decay: 6 })
    expect(() => scheduleOf(long, 20)).toThrow(/15 steps of warm-up and 6 of decay do not fit into a run of 20/)
    expect(() => scheduleOf(scheduleSchema.parse({ name: 'constant' }), 0)).toThrow(/one step or more/)
  })
})

describe('clipping', () => {
  goldenTest('clip_grad_norm_ of PyTorch', import.meta.url, 'optimisers', ['clipping'], golden => {
    for (const name of ['clipped', 'untouched']) {
      const gradients = [golden.f64(`${name}.in.0`), golden.f64(`${name}.in.1`)]
      expect(clipGlobalNorm(gradients, 1)).toBeCloseTo(golden.f64(`${name}.norm`)[0]!, 12)
      for (const [k, gradient] of gradients.entries()) {
        const expected = golden.f64(`${name}.out.${k}`)
        for (const [i, value] of gradient.entries())
          expect(Math.abs(value - expected[i]!)).toBeLessThanOrEqual(1e-12 * Math.abs(expected[i]!))
      }
    }
  })

  test('the norm is over all tensors, of any length, and reaches the limit', () => {
    const gradients = [Float32Array.of(3), Float64Array.of(0, 0, 4, 0, 12), new Float32Array(0)]
    expect(globalNorm(gradients)).toBe(13)
    expect(clipGlobalNorm(gradients, 6.5)).toBe(13)
    expect(globalNorm(gradients)).toBeCloseTo(6.5, 5)
    expect(gradients[0]![0]).toBeCloseTo(1.5, 5)
  })

  test('gradients that are not finite are told of, not scaled', () => {
    const gradients = [Float32Array.of(1, Number.POSITIVE_INFINITY), Float32Array.of(100)]
    expect(clipGlobalNorm(gradients, 1)).toBe(Number.POSITIVE_INFINITY)
    expect(gradients.map(gradient => [...gradient])).toEqual([[1, Number.POSITIVE_INFINITY], [100]])
    expect(clipGlobalNorm([Float32Array.of(Number.NaN)], 1)).toBeNaN()
  })

  test('values are moved into a range', () => {
    const gradient = Float32Array.of(-3, -0.5, 0, 0.5, 3, Number.NEGATIVE_INFINITY)
    clipValue(gradient, 0.75)
    expect([...gradient]).toEqual([-0.75, -0.5, 0, 0.5, 0.75, -0.75])
    expect(() => clipValue(gradient, 0)).toThrow(/above 0, got 0/)
    expect(() => clipGlobalNorm([gradient], -1)).toThrow(/above 0, got -1/)
  })
})

describe('averages of weights', () => {
  const steps = 12
  const weights = (step: number) => Float64Array.of(step ** 2, 1 / step, -3)
  /** The average after every step; it starts with what it must not depend on. */
  function averages(averaging: Averaging, start: readonly number[]): number[][] {
    const average = Float64Array.from(start)
    return Array.from({ length: steps }, (_, k) => {
      averageInto(average, weights(k + 1), averagingRate(averaging, k + 1, steps))
      return [...average]
    })
  }
  const weighted = (shares: readonly number[]) =>
    [0, 1, 2].map(i => shares.reduce((sum, share, k) => sum + share * weights(k + 1)[i]!, 0))
  const close = (ours: readonly number[], theirs: readonly number[]) => {
    for (const [i, value] of ours.entries()) expect(value).toBeCloseTo(theirs[i]!, 11)
  }

  test('a bias-corrected EMA is Σ dᵗ⁻ⁱ(1 − d) wᵢ over Σ dᵗ⁻ⁱ(1 − d), at every step', () => {
    const decay = 0.9
    const after = averages(averagingSchema.parse({ kind: 'ema', decay }), [Number.NaN, 1e30, 7])
    for (let t = 1; t <= steps; t++) {
      const shares = Array.from({ length: t }, (_, k) => (decay ** (t - k - 1) * (1 - decay)) / (1 - decay ** t))
      close(after[t - 1]!, weighted(shares))
    }
  })

  test('without correction the starting weights keep the share dᵗ', () => {
    const after = averages({ kind: 'ema', decay: 0.9, biasCorrection: false }, [5, 6, 7])
    const shares = Array.from({ length: steps }, (_, k) => 0.9 ** (steps - k - 1) * 0.1)
    close(
      after.at(-1)!,
      weighted(shares).map((value, i) => value + 0.9 ** steps * (5 + i)),
    )
  })

  test('the last k weigh the same, and earlier ones nothing', () => {
    for (const count of [1, 5, 12, 40]) {
      const after = averages({ kind: 'last', count }, [Number.NaN, 1e30, 7])
      const used = Math.min(count, steps)
      close(after.at(-1)!, weighted(Array.from({ length: steps }, (_, k) => (k >= steps - used ? 1 / used : 0))))
      if (used < steps) expect(after[steps - used - 1]).toEqual([Number.NaN, 1e30, 7])
    }
  })

  test('lengths must agree', () => {
    expect(() => averageInto(new Float32Array(2), new Float32Array(3), 0.5)).toThrow(/has 2 values, the weights have 3/)
  })
})
