import { codeOf, fitGrid, type Grid, levelOf } from '@sinter/tensor-core'

/** Rounds `[rows, cols]` values to their groups' grids, in place and in f64: what a search tries many times. */
export function fakeQuantize(values: Float64Array, cols: number, groupSize: number, grid: Grid): void {
  for (let row = 0; row < values.length; row += cols)
    for (let from = row; from < row + cols; from += groupSize)
      roundGroup(values, from, Math.min(groupSize, row + cols - from), grid)
}

function roundGroup(values: Float64Array, from: number, count: number, grid: Grid): void {
  const fitted = fitGrid(values, grid, from, count)
  for (let k = from; k < from + count; k++) values[k] = levelOf(codeOf(values[k]!, fitted, grid), fitted, grid)
}
