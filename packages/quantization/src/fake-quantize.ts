import { type FittedGrid, fitGrid, type Grid, gridFromRange, maxCode } from '@sinter/tensor-core'

/** Adding and taking away 1.5·2⁵² rounds half to even. */
const noFraction = 6755399441055744

/** The grid of a run of f64 values: `fitGrid`, but one plain pass when the range is all of them. */
export function fitRun(run: Float64Array, grid: Grid): FittedGrid {
  if (grid.range !== 'minmax') return fitGrid(run, grid)
  let lo = Number.POSITIVE_INFINITY
  let hi = Number.NEGATIVE_INFINITY
  for (let k = 0; k < run.length; k++) {
    const value = run[k]!
    if (value < lo) lo = value
    if (value > hi) hi = value
  }
  return gridFromRange(lo, hi, grid)
}

/** Replaces values by the nearest level of a fitted grid, in f64: what searches do many times over. */
export function roundToLevels(run: Float64Array, { scale, zero }: FittedGrid, grid: Grid): void {
  const isMin = grid.zero === 'min'
  const offset = isMin ? zero : 0
  const least = isMin ? 0 : -zero
  const most = least + maxCode(grid)
  for (let k = 0; k < run.length; k++) {
    const level = (run[k]! - offset) / scale + noFraction - noFraction
    run[k] = scale * Math.max(least, Math.min(most, level)) + offset
  }
}
