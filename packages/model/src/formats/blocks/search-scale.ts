import type { Fits } from './fits.ts'
import { clamp, nearestInt } from './nearest-int.ts'

const { fround, abs } = Math

/** Below this all values count as zero (ggml's GROUP_MAX_EPS). */
export const NO_SCALE: number = fround(1e-15)

/** Trials of `searchScale`: −(most + 0.1·t) steps, t = 0 first, then −9 … 9; rounded as ggml rounds them. */
export function signedSteps(most: number): Float32Array {
  const trials = [0, -9, -8, -7, -6, -5, -4, -3, -2, -1, 1, 2, 3, 4, 5, 6, 7, 8, 9]
  return Float32Array.from(trials, t => -fround(most + fround(fround(0.1) * t)))
}

/** The value of the largest magnitude, with its sign; the first of equals. */
export function signedMax(values: Float32Array, from: number, length: number): number {
  let most = 0
  for (let i = 0; i < length; i++) {
    const value = values[from + i]!
    if (abs(value) > abs(most)) most = value
  }
  return most
}

/**
 * ggml's search for the scale of codes −most … most − 1 (`make_qx_quants`): rounds on 19 grids near the largest value, fits the
 * scale to the codes by weighted least squares, and keeps the best.
 */
export function searchScale(
  values: Float32Array,
  from: number,
  length: number,
  weights: Float32Array,
  steps: Float32Array,
  fits: Fits,
  sub: number,
): void {
  fits.scales[sub] = fits.mins[sub] = fits.factors[sub] = fits.bases[sub] = 0
  const most = -steps[0]!
  const max = signedMax(values, from, length)
  if (abs(max) < NO_SCALE) return
  let best = 0
  for (let t = 0; t < steps.length; t++) {
    const factor = fround(steps[t]! / max)
    let sumXL = 0
    let sumL2 = 0
    for (let i = 0; i < length; i++) {
      const x = values[from + i]!
      const l = clamp(nearestInt(fround(factor * x)), -most, most - 1)
      sumXL = fround(sumXL + fround(fround(weights[i]! * x) * l))
      sumL2 = fround(sumL2 + fround(fround(weights[i]! * l) * l))
    }
    const better = t === 0 || (sumL2 > 0 && fround(sumXL * sumXL) > fround(best * sumL2))
    if (!better) continue
    const scale = sumL2 !== 0 ? fround(sumXL / sumL2) : 0
    best = fround(scale * sumXL)
    fits.scales[sub] = scale
    fits.factors[sub] = factor
  }
}
