import { type FittedGrid, fitGrid, type Grid, gridFromRange } from '@sinter/tensor-core'

/** How the range of a run of weights is estimated before it is divided into levels. */
export interface RangeRule {
  /**
   * `minmax`: all of it; `percentile`: cut where |w| passes this percentile; `rms`: cut at a multiple of the root mean square;
   * `mse`: the shrunken range with the least error.
   */
  readonly range: 'minmax' | 'percentile' | 'rms' | 'mse'
  /** Of `percentile`, in percent. */
  readonly percentile: number
  /** Of `rms`. */
  readonly rmsFactor: number
}

/** Fits the grid of `count` weights from `start`. */
export function fitRange(values: Float32Array, rule: RangeRule, grid: Grid, start: number, count: number): FittedGrid {
  if (rule.range === 'minmax' || rule.range === 'mse') return fitGrid(values, grid, start, count)
  const run = values.subarray(start, start + count)
  const cut = rule.range === 'rms' ? rule.rmsFactor * rootMeanSquare(run) : percentileOf(run, rule.percentile)
  let lo = 0
  let hi = 0
  for (const value of run) {
    if (value < lo) lo = value
    if (value > hi) hi = value
  }
  return gridFromRange(Math.max(lo, -cut), Math.min(hi, cut), grid)
}

function rootMeanSquare(run: Float32Array): number {
  let sum = 0
  for (const value of run) sum += value * value
  return Math.sqrt(sum / run.length)
}

/** The |w| that `percent` of the run do not exceed (nearest rank). */
function percentileOf(run: Float32Array, percent: number): number {
  const sizes = run.map(Math.abs).sort()
  const rank = Math.ceil((percent / 100) * sizes.length)
  return sizes[Math.max(0, rank - 1)] ?? 0
}
