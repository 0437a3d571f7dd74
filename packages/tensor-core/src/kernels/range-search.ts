import { fitGrid, type Grid, gridFromRange, maxCode, scaleFromRange } from '../grid.ts'
import { type ColumnArgs, lanes, type Tile } from './column-args.ts'
import { rangeKernels } from './range-simd.ts'

/** A group's columns of some rows in the memory of the SIMD kernels: values [columns, lanes], then what a search needs. */
export interface RangeSpace {
  readonly columns: number
  /** To be filled before `fitLanes`. */
  readonly values: Float64Array
}

const floatsOf = (columns: number): number => columns * (lanes + 1) + 5 * lanes + 1

export function rangeSpace(columns: number): RangeSpace {
  const { memory } = rangeKernels(floatsOf(columns) * 8)
  return { columns, values: memory.subarray(0, columns * lanes) }
}

/** Fits the grid of each of the tile's rows to the values in `rangeSpace` and records it as its group's. */
export function fitLanes(
  { rows, grid, scales, zeros }: ColumnArgs & { readonly grid: Grid },
  group: number,
  { row, count }: Pick<Tile, 'row' | 'count'>,
  { columns, values }: RangeSpace,
  importance: Float64Array | undefined,
): void {
  const at = group * rows + row
  const into = { scales: scales.subarray(at, at + count), zeros: zeros.subarray(at, at + count) }
  if (grid.range === 'fit' || (grid.range === 'mse' && grid.norm !== 2))
    fitOneByOne(grid, values, columns, importance, into)
  else search(grid, columns, importance, into)
}

interface Grids {
  /** [count] */
  readonly scales: Float64Array
  /** [count] */
  readonly zeros: Float64Array
}

function fitOneByOne(
  grid: Grid,
  values: Float64Array,
  columns: number,
  importance: Float64Array | undefined,
  { scales, zeros }: Grids,
): void {
  const run = new Float64Array(columns)
  for (let r = 0; r < scales.length; r++) {
    for (let k = 0; k < columns; k++) run[k] = values[k * lanes + r]!
    const { scale, zero } = fitGrid(run, grid, 0, columns, importance)
    scales[r] = scale
    zeros[r] = zero
  }
}

/** `fitGrid` with norm 2 (or without a search) for all rows at once: of equal errors the widest range stays. */
function search(grid: Grid, columns: number, importance: Float64Array | undefined, best: Grids): void {
  const { kernels, memory } = rangeKernels(floatsOf(columns) * 8)
  const count = best.scales.length
  const at = (after: number) => columns * (lanes + 1) + after * lanes
  const [weighing, lo, tried, sums, largestCode] = [columns * lanes, at(0), at(2), at(4), at(5)]
  kernels.extremes(0, columns * lanes * 8, lo * 8, (lo + count) * 8)
  propose(grid, 1, count, memory, lo, tried)
  best.scales.set(memory.subarray(tried, tried + count))
  best.zeros.set(memory.subarray(tried + lanes, tried + lanes + count))
  if (grid.range === 'minmax') return
  if (importance) memory.set(importance, weighing)
  else memory.fill(1, weighing, weighing + columns)
  memory[largestCode] = maxCode(grid)
  const least = new Float64Array(count).fill(Number.POSITIVE_INFINITY)
  const errors = grid.zero === 'min' ? kernels.errorsFromMin : kernels.errors
  for (let i = 0; i < grid.steps; i++) {
    if (i > 0) propose(grid, 1 - i / grid.grid, count, memory, lo, tried)
    errors(0, columns * lanes * 8, weighing * 8, tried * 8, (tried + count) * 8, sums * 8, largestCode * 8)
    for (let r = 0; r < count; r++) {
      const error = memory[sums + r]!
      if (!(error < least[r]!)) continue
      least[r] = error
      best.scales[r] = memory[tried + r]!
      best.zeros[r] = memory[tried + lanes + r]!
    }
  }
}

/** Scales and zeros [2, lanes] at `to` for a share of the ranges [2, lanes] at `lo`. */
function propose(grid: Grid, share: number, count: number, memory: Float64Array, lo: number, to: number): void {
  if (grid.symmetric) {
    memory.fill(2 ** (grid.bits - 1), to + lanes, to + lanes + count)
    for (let r = 0; r < count; r++)
      memory[to + r] = scaleFromRange(share * memory[lo + r]!, share * memory[lo + lanes + r]!, grid)
    return
  }
  for (let r = 0; r < count; r++) {
    const { scale, zero } = gridFromRange(share * memory[lo + r]!, share * memory[lo + lanes + r]!, grid)
    memory[to + r] = scale
    memory[to + lanes + r] = zero
  }
}
