import { fitGrid, type Grid, gridFromRange } from '../grid.ts'
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
  if (grid.range === 'mse' && grid.norm !== 2) fitOneByOne(grid, values, columns, importance, into)
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
  const weighing = columns * lanes
  const [lo, hi, sums] = [weighing + columns, weighing + columns + lanes, weighing + columns + 4 * lanes]
  const tried = hi + lanes
  kernels.extremes(0, columns * lanes * 8, lo * 8, (lo + count) * 8)
  const steps = grid.range === 'mse' ? grid.steps : 1
  if (steps > 1) {
    if (importance) memory.set(importance, weighing)
    else memory.fill(1, weighing, weighing + columns)
    memory[sums + lanes] = 2 ** grid.bits - 1
  }
  const least = new Float64Array(count).fill(Number.POSITIVE_INFINITY)
  const errors = grid.zero === 'min' ? kernels.errorsFromMin : kernels.errors
  for (let i = 0; i < steps; i++) {
    const share = 1 - i / grid.grid
    for (let r = 0; r < count; r++) {
      const { scale, zero } = gridFromRange(share * memory[lo + r]!, share * memory[hi + r]!, grid)
      memory[tried + r] = scale
      memory[tried + lanes + r] = zero
    }
    if (steps > 1)
      errors(0, columns * lanes * 8, weighing * 8, tried * 8, (tried + count) * 8, sums * 8, (sums + lanes) * 8)
    for (let r = 0; r < count; r++) {
      if (i > 0 && !(memory[sums + r]! < least[r]!)) continue
      least[r] = memory[sums + r]!
      best.scales[r] = memory[tried + r]!
      best.zeros[r] = memory[tried + lanes + r]!
    }
  }
}
