import { fitGrid } from '../grid.ts'
import { type BlockArgs, type ColumnArgs, lanes, type Tile } from './column-args.ts'

/** Fits the group that starts at column i to the tile's values; what lies beyond the block is up to date already. */
export function fitGroup(args: BlockArgs, tile: Tile, i: number): void {
  const { rows, width, weights, start, end, groupSize } = args
  const last = Math.min(width, i + groupSize)
  const run = new Float64Array(last - i)
  const importance = importanceOf(args, i, last)
  for (let r = 0; r < tile.count; r++) {
    for (let k = i; k < last; k++)
      run[k - i] = k < end ? tile.values[(k - start) * lanes + r]! : weights[k * rows + tile.row + r]!
    keepGrid(args, Math.floor(i / groupSize), tile.row + r, run, importance)
  }
}

/** Row kernel: the grid of every group from the weights as they are, groups in the original order of columns. */
export function fitStaticGroups(
  args: ColumnArgs & { readonly positionOf: Int32Array },
  start: number,
  end: number,
): void {
  const { rows, width, groupSize, weights, positionOf } = args
  const all = importanceOf(args, 0, width)
  for (let i = 0; i < width; i += groupSize) {
    const positions = positionOf.subarray(i, Math.min(width, i + groupSize))
    const run = new Float64Array(positions.length)
    const importance = all && Float64Array.from(positions, p => all[p]!)
    for (let row = start; row < end; row++) {
      for (let k = 0; k < run.length; k++) run[k] = weights[positions[k]! * rows + row]!
      keepGrid(args, i / groupSize, row, run, importance)
    }
  }
}

function keepGrid(args: ColumnArgs, group: number, row: number, run: Float64Array, importance?: Float64Array): void {
  const { scale, zero } = fitGrid(run, args.grid!, 0, run.length, importance)
  args.scales[group * args.rows + row] = scale
  args.zeros[group * args.rows + row] = zero
}

/** What an error in each column costs: 1/U_jj². */
function importanceOf({ weighted, lower, width }: ColumnArgs, from: number, to: number): Float64Array | undefined {
  if (!weighted) return undefined
  return Float64Array.from({ length: to - from }, (_, k) => lower[(from + k) * (width + 1)]! ** -2)
}
