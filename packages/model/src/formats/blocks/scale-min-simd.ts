import {
  bits,
  type Code,
  constant,
  f32,
  floats,
  get,
  type Kernel,
  loadEach,
  loopBelow,
  put,
  repeat,
  step,
} from '@sinter/tensor-core/wasm'
import type { Weighing } from './fit-plan.ts'
import { places, sub } from './kernel-memory.ts'
import { eachFour, lane, prepare, putWhere, scratchVectors, setEntry, setLane } from './lane-blocks.ts'
import type { ScaleMinSearch } from './search-scale-min.ts'

/**
 * `searchScaleMin` for four sub-blocks at once: 17 operations a value and trial for four values, some 6 to 12 ns a value where ggml
 * takes 60 to 140.
 *
 * Levels are rounded in floats, which is `nearestInt` as long as they stay below 2²². A lane that leaves this (its minimum has moved
 * almost to its maximum) is marked odd, for plain code to do again.
 */
export function scaleMinKernel(weighing: Weighing, search: ScaleMinSearch): Kernel {
  const { length, most, absolute } = search
  const [trial, lastTrial] = [4, 5] as const
  const own = 6 + scratchVectors
  const [min, max, sumW, sumX, low, dead, odd, best, scale, factor, keptFactor, base] = Array.from(
    { length: 12 },
    (_, i) => own + i,
  ) as [L, L, L, L, L, L, L, L, L, L, L, L]
  const [sumL, sumL2, sumXL, newScale, newMin, error, level, product, x, mask, zero, top] = Array.from(
    { length: 12 },
    (_, i) => own + 12 + i,
  ) as [L, L, L, L, L, L, L, L, L, L, L, L]
  const value = (i: number): Code => lane(places.lanes, i)
  const weight = (i: number): Code => lane(places.weights, i)
  const add = (local: number, term: Code): Code => put(local, f32.add(get(local), term))

  const extremes: Code = [
    [put(min, value(0)), put(max, value(0)), put(sumW, weight(0)), put(sumX, f32.multiply(weight(0), value(0)))],
    repeat(length - 1, i => [
      put(x, value(i + 1)),
      put(min, f32.least(get(min), get(x))),
      put(max, f32.most(get(max), get(x))),
      add(sumW, weight(i + 1)),
      add(sumX, f32.multiply(weight(i + 1), get(x))),
    ]),
    put(min, f32.least(get(min), get(zero))),
    [put(low, get(min)), put(dead, f32.equal(get(max), get(min)))],
  ]

  /** Sets the factor of a grid, and marks lanes in which a level may leave the range of `nearestInt`. */
  const grid = (steps: Code): Code => {
    const reach = f32.most(f32.abs(f32.subtract(get(max), get(min))), f32.abs(f32.subtract(get(low), get(min))))
    const near = f32.less(f32.multiply(f32.abs(get(factor)), reach), floats(4e6))
    return [
      put(factor, f32.divide(steps, f32.subtract(get(max), get(min)))),
      put(odd, bits.or(get(odd), bits.not(near))),
    ]
  }
  const round = (i: number): Code => {
    const nearest = f32.nearest(f32.multiply(get(factor), f32.subtract(get(x), get(min))))
    return [put(x, value(i)), put(level, f32.least(f32.most(get(zero), nearest), get(top)))]
  }
  /** error of position i with `level` on a scale and minimum */
  const errorTerm = (i: number, levels: Code, scaleOf: number, minOf: number): Code => {
    const difference = f32.subtract(f32.add(f32.multiply(get(scaleOf), levels), get(minOf)), value(i))
    const size = absolute ? f32.abs(difference) : [put(product, difference), f32.multiply(get(product), get(product))]
    return add(error, f32.multiply(weight(i), size))
  }

  const first: Code = [
    grid(get(top)),
    put(scale, f32.divide(floats(1), get(factor))),
    put(error, get(zero)),
    repeat(length, i => [round(i), errorTerm(i, get(level), scale, min)]),
    [put(best, get(error)), put(keptFactor, get(factor)), put(base, get(min))],
  ]

  const sums: Code = [
    [put(sumL, get(zero)), put(sumL2, get(zero)), put(sumXL, get(zero))],
    repeat(length, i => [
      round(i),
      setLane(places.levels, i, get(level)),
      put(product, f32.multiply(weight(i), get(level))),
      add(sumL, get(product)),
      add(sumL2, f32.multiply(get(product), get(level))),
      add(sumXL, f32.multiply(get(product), get(x))),
    ]),
  ]
  const cross = (a: number, b: number, c: number, d: number): Code =>
    f32.subtract(f32.multiply(get(a), get(b)), f32.multiply(get(c), get(d)))
  // `product` holds the determinant, `mask` the lanes in which the fit is a fit.
  const fit: Code = [
    put(product, cross(sumW, sumL2, sumL, sumL)),
    put(newScale, f32.divide(cross(sumW, sumXL, sumX, sumL), get(product))),
    put(newMin, f32.divide(cross(sumL2, sumX, sumL, sumXL), get(product))),
    put(mask, f32.less(get(zero), get(newMin))),
    putWhere(newScale, get(mask), f32.divide(get(sumXL), get(sumL2))),
    putWhere(newMin, get(mask), get(zero)),
    put(mask, f32.less(get(zero), get(product))),
  ]
  const keep: Code = [
    put(mask, bits.and(get(mask), f32.less(get(error), get(best)))),
    putWhere(best, get(mask), get(error)),
    putWhere(scale, get(mask), get(newScale)),
    putWhere(keptFactor, get(mask), get(factor)),
    putWhere(base, get(mask), get(min)),
    putWhere(min, get(mask), get(newMin)),
  ]
  const trials: Code = loopBelow(trial, lastTrial, [
    grid([get(trial), loadEach(0)]),
    sums,
    fit,
    put(error, get(zero)),
    repeat(length, i => errorTerm(i, lane(places.levels, i), newScale, newMin)),
    keep,
    step(trial, 4),
  ])
  const results: Code = [
    setEntry(sub.scales, bits.andNot(get(scale), get(dead))),
    setEntry(sub.mins, f32.negate(get(min))),
    setEntry(sub.factors, bits.andNot(get(keptFactor), get(dead))),
    setEntry(sub.bases, get(base)),
    setEntry(sub.weights, get(sumW)),
    setEntry(sub.odd, bits.andNot(get(odd), get(dead))),
  ]
  const body: Code = [
    [put(zero, floats(0)), put(top, floats(most)), put(lastTrial, constant(places.steps + 4 * (search.trials + 1)))],
    eachFour(length, [
      prepare(weighing, length, 6),
      [put(odd, get(zero)), put(trial, constant(places.steps))],
      extremes,
      first,
      trials,
      results,
    ]),
  ]
  return { parameters: 4, integers: 2, vectors: scratchVectors + 24, body }
}

type L = number
