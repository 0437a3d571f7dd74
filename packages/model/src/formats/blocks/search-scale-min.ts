import type { Fits } from './fits.ts'
import { clamp, nearestInt } from './nearest-int.ts'

const { fround, abs } = Math

/** How ggml looks for the scale and minimum of a sub-block (`make_qkx2_quants` and `make_qkx3_quants`, which differ in these alone). */
export interface ScaleMinSearch {
  readonly length: 16 | 32
  /** The largest code. */
  readonly most: number
  /** Trial t rounds on a grid of `most + from + t·step` steps between the extremes, t = 0 … trials. */
  readonly from: number
  readonly step: number
  readonly trials: number
  /** Errors count by magnitude, not by square. */
  readonly absolute: boolean
}

/** Steps of the grid in each trial, rounded as ggml rounds them. */
export function gridSteps({ most, from, step, trials }: ScaleMinSearch): Float32Array {
  const at = (t: number): number => fround(fround(fround(from) + fround(fround(step) * t)) + most)
  return Float32Array.from({ length: trials + 1 }, (_, t) => at(t))
}

const levels = new Float32Array(32)

/** Rounds on every grid of the search, fits scale and minimum to the codes by least squares, and keeps the best. */
export function searchScaleMin(
  values: Float32Array,
  from: number,
  weights: Float32Array,
  search: ScaleMinSearch,
  steps: Float32Array,
  fits: Fits,
  sub: number,
): void {
  const { length, most, absolute } = search
  let min = values[from]!
  let max = min
  let sumW = weights[0]!
  let sumX = fround(sumW * min)
  for (let i = 1; i < length; i++) {
    const x = values[from + i]!
    if (x < min) min = x
    if (x > max) max = x
    sumW = fround(sumW + weights[i]!)
    sumX = fround(sumX + fround(weights[i]! * x))
  }
  fits.weights[sub] = sumW
  if (min > 0) min = 0
  if (max === min) {
    keep(fits, sub, 0, min, 0, min)
    return
  }

  const errorOf = (scale: number, offset: number): number => {
    let error = 0
    for (let i = 0; i < length; i++) {
      const difference = fround(fround(fround(scale * levels[i]!) + offset) - values[from + i]!)
      const size = absolute ? abs(difference) : fround(difference * difference)
      error = fround(error + fround(weights[i]! * size))
    }
    return error
  }
  const round = (factor: number): void => {
    for (let i = 0; i < length; i++)
      levels[i] = clamp(nearestInt(fround(factor * fround(values[from + i]! - min))), 0, most)
  }

  const first = fround(most / fround(max - min))
  round(first)
  const scale = fround(1 / first)
  let best = errorOf(scale, min)
  keep(fits, sub, scale, min, first, min)

  for (const count of steps) {
    const factor = fround(count / fround(max - min))
    round(factor)
    let sumL = 0
    let sumL2 = 0
    let sumXL = 0
    for (let i = 0; i < length; i++) {
      const l = levels[i]!
      const wl = fround(weights[i]! * l)
      sumL = fround(sumL + wl)
      sumL2 = fround(sumL2 + fround(wl * l))
      sumXL = fround(sumXL + fround(wl * values[from + i]!))
    }
    const determinant = fround(fround(sumW * sumL2) - fround(sumL * sumL))
    if (!(determinant > 0)) continue
    let newScale = fround(fround(fround(sumW * sumXL) - fround(sumX * sumL)) / determinant)
    let newMin = fround(fround(fround(sumL2 * sumX) - fround(sumL * sumXL)) / determinant)
    if (newMin > 0) {
      newMin = 0
      newScale = fround(sumXL / sumL2)
    }
    const error = errorOf(newScale, newMin)
    if (error < best) {
      keep(fits, sub, newScale, newMin, factor, min)
      best = error
      min = newMin
    }
  }
}

/** ggml gives the minimum as what is subtracted. */
function keep(fits: Fits, sub: number, scale: number, min: number, factor: number, base: number): void {
  fits.scales[sub] = scale
  fits.mins[sub] = -min
  fits.factors[sub] = factor
  fits.bases[sub] = base
}
