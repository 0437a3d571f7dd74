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
import { NO_SCALE, signedSteps } from './search-scale.ts'

/**
 * `searchScale` for four sub-blocks at once: 9 operations a value and trial for four values, some 4 ns a value where ggml takes 40.
 * Levels never leave −most … most by much, so a rounding in floats is `nearestInt`.
 */
export function scaleKernel(weighing: Weighing, length: 16 | 32, most: number): Kernel {
  const [trial, lastTrial] = [4, 5] as const
  const own = 6 + scratchVectors
  const [max, magnitude, dead, best, scale, factor, keptFactor, sumW] = [0, 1, 2, 3, 4, 5, 6, 7].map(i => own + i) as L8
  const [sumXL, sumL2, level, mask, bottom, top, x, zero] = [8, 9, 10, 11, 12, 13, 14, 15].map(i => own + i) as L8
  const value = (i: number): Code => lane(places.lanes, i)
  const weight = (i: number): Code => lane(places.weights, i)
  const add = (local: number, term: Code): Code => put(local, f32.add(get(local), term))

  // Weight times value goes where other searches keep levels.
  const largest: Code = [
    [put(max, get(zero)), put(magnitude, get(zero)), put(sumW, get(zero))],
    repeat(length, i => [
      put(x, value(i)),
      put(mask, f32.less(get(magnitude), f32.abs(get(x)))),
      putWhere(max, get(mask), get(x)),
      put(magnitude, f32.abs(get(max))),
      add(sumW, weight(i)),
      setLane(places.levels, i, f32.multiply(weight(i), get(x))),
    ]),
    put(dead, f32.less(get(magnitude), floats(NO_SCALE))),
  ]
  const round = (i: number): Code => {
    const nearest = f32.nearest(f32.multiply(get(factor), value(i)))
    return put(level, f32.least(f32.most(get(bottom), nearest), get(top)))
  }
  const sums: Code = [
    put(factor, f32.divide([get(trial), loadEach(0)], get(max))),
    [put(sumXL, get(zero)), put(sumL2, get(zero))],
    repeat(length, i => [
      round(i),
      add(sumXL, f32.multiply(lane(places.levels, i), get(level))),
      add(sumL2, f32.multiply(f32.multiply(weight(i), get(level)), get(level))),
    ]),
  ]
  const fitted: Code = bits.and(f32.divide(get(sumXL), get(sumL2)), f32.unequal(get(sumL2), get(zero)))
  const first: Code = [
    sums,
    put(scale, fitted),
    put(keptFactor, get(factor)),
    put(best, f32.multiply(get(scale), get(sumXL))),
  ]
  const better: Code = bits.and(
    f32.less(get(zero), get(sumL2)),
    f32.less(f32.multiply(get(best), get(sumL2)), f32.multiply(get(sumXL), get(sumXL))),
  )
  const trials: Code = loopBelow(trial, lastTrial, [
    sums,
    put(mask, better),
    putWhere(scale, get(mask), f32.divide(get(sumXL), get(sumL2))),
    putWhere(best, get(mask), f32.multiply(get(scale), get(sumXL))),
    putWhere(keptFactor, get(mask), get(factor)),
    step(trial, 4),
  ])
  const results: Code = [
    setEntry(sub.scales, bits.andNot(get(scale), get(dead))),
    setEntry(sub.mins, get(zero)),
    setEntry(sub.factors, bits.andNot(get(keptFactor), get(dead))),
    setEntry(sub.bases, get(zero)),
    setEntry(sub.weights, get(sumW)),
    setEntry(sub.odd, get(zero)),
  ]
  const body: Code = [
    [put(zero, floats(0)), put(bottom, floats(-most)), put(top, floats(most - 1))],
    put(lastTrial, constant(places.steps + 4 * signedSteps(most).length)),
    eachFour(length, [
      prepare(weighing, length, 6),
      put(trial, constant(places.steps)),
      largest,
      first,
      step(trial, 4),
      trials,
      results,
    ]),
  ]
  return { parameters: 4, integers: 2, vectors: scratchVectors + 16, body }
}

type L8 = [number, number, number, number, number, number, number, number]
