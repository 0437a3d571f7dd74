import type { Fits } from './fits.ts'
import { clamp, nearestInt } from './nearest-int.ts'
import { NO_SCALE, signedMax } from './search-scale.ts'

const { fround, abs } = Math

/** Sums of a weighted fit of levels to values: its scale is `xl / l2`. */
interface Sums {
  xl: number
  l2: number
}

/**
 * Moves one level after the other to where it serves the common scale best, up to five times over, while anything moves (ggml).
 * @param round the level wanted for a value
 * @param positive whether a level also stays where the others leave no weight
 */
function descend(
  values: Float32Array,
  from: number,
  weights: Float32Array,
  levels: Int32Array,
  length: number,
  sums: Sums,
  round: (level: number) => number,
  positive: boolean,
): void {
  for (let pass = 0; pass < 5; pass++) {
    let moved = false
    for (let i = 0; i < length; i++) {
      const x = values[from + i]!
      const w = weights[i]!
      const wx = fround(w * x)
      let xl = fround(sums.xl - fround(wx * levels[i]!))
      let l2 = fround(sums.l2 - fround(fround(w * levels[i]!) * levels[i]!))
      if (!(xl > 0) || (positive && !(l2 > 0))) continue
      const level = round(nearestInt(fround(fround(x * l2) / xl)))
      if (level === levels[i]) continue
      xl = fround(xl + fround(wx * level))
      l2 = fround(l2 + fround(fround(w * level) * level))
      const gains = fround(fround(xl * xl) * sums.l2) > fround(fround(sums.xl * sums.xl) * l2)
      if (!gains || (!positive && !(l2 > 0))) continue
      levels[i] = positive ? toByte(level) : level
      sums.xl = xl
      sums.l2 = l2
      moved = true
    }
    if (!moved) return
  }
}

const scaleOf = ({ xl, l2 }: Sums): number => (l2 > 0 ? fround(xl / l2) : 0)

const squares = new Float32Array(16)

/**
 * Scale of a sub-block of 16 for codes −4 … 3 when nothing is known of importance (`make_q3_quants`): rounded once, then
 * improved level by level. The codes, from 0, go to `codes` where it is given: no factor stands for them.
 */
export function descendScale(values: Float32Array, from: number, fits: Fits, sub: number, codes?: Uint8Array): void {
  fits.scales[sub] = fits.mins[sub] = fits.factors[sub] = fits.bases[sub] = 0
  codes?.fill(0)
  const max = signedMax(values, from, 16)
  if (abs(max) < NO_SCALE) return
  const factor = fround(-4 / max)
  const sums = { xl: 0, l2: 0 }
  const levels = new Int32Array(16)
  for (let i = 0; i < 16; i++) {
    const x = values[from + i]!
    const l = clamp(nearestInt(fround(factor * x)), -4, 3)
    levels[i] = l
    squares[i] = x * x
    sums.xl = fround(sums.xl + fround(fround(squares[i]! * x) * l))
    sums.l2 = fround(sums.l2 + fround(fround(squares[i]! * l) * l))
  }
  descend(values, from, squares, levels, 16, sums, level => clamp(level, -4, 3), false)
  codes?.set(levels.map(level => level + 4))
  fits.scales[sub] = scaleOf(sums)
}

/**
 * Codes 0 … most for the scales (or minima) of a super-block's sub-blocks, which weigh by the importance of their values
 * (`make_qp_quants`): nine grids, the best of which is improved code by code.
 * @returns the scale of the codes
 */
export function searchPositive(
  values: Float32Array,
  from: number,
  length: number,
  weights: Float32Array,
  most: number,
  codes: Int32Array,
): number {
  let max = 0
  // Written as ggml's macro: after a NaN it starts anew.
  for (let i = 0; i < length; i++) if (!(max > values[from + i]!)) max = values[from + i]!
  codes.fill(0, 0, length)
  if (max < NO_SCALE) return 0
  const first = fround(most / max)
  let factor = first
  let best = squareError(values, from, length, weights, first, toByte)
  for (let t = -4; t <= 4; t++) {
    if (t === 0) continue
    const trial = fround(fround(fround(fround(0.1) * t) + most) / max)
    const error = squareError(values, from, length, weights, trial, level => Math.min(most, level))
    if (error < best) {
      best = error
      factor = trial
    }
  }
  const sums = { xl: 0, l2: 0 }
  for (let i = 0; i < length; i++) {
    const x = values[from + i]!
    const l = Math.min(most, nearestInt(fround(factor * x)))
    codes[i] = toByte(l)
    sums.xl = fround(sums.xl + fround(fround(weights[i]! * x) * l))
    sums.l2 = fround(sums.l2 + fround(fround(weights[i]! * l) * l))
  }
  descend(values, from, weights, codes, length, sums, level => Math.min(most, level), true)
  return scaleOf(sums)
}

function squareError(
  values: Float32Array,
  from: number,
  length: number,
  weights: Float32Array,
  factor: number,
  limit: (level: number) => number,
): number {
  const scale = fround(1 / factor)
  let error = 0
  for (let i = 0; i < length; i++) {
    const x = values[from + i]!
    const difference = fround(x - fround(scale * limit(nearestInt(fround(factor * x)))))
    error = fround(error + fround(fround(weights[i]! * difference) * difference))
  }
  return error
}

/** ggml keeps these codes in bytes, also where a negative scale gives a negative one. */
const toByte = (value: number): number => value & 255
