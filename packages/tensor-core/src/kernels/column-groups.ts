import type { Grid } from '../grid.ts'
import { type BlockArgs, type ColumnArgs, lanes, type Tile } from './column-args.ts'
import { fitLanes, rangeSpace } from './range-search.ts'

type WithGrid = { readonly grid: Grid }

/** Fits the group that starts at column i to the tile's values; what lies beyond the block is up to date already. */
export function fitGroup(args: BlockArgs & WithGrid, tile: Tile, i: number): void {
  const { rows, width, weights, start, end, groupSize } = args
  const last = Math.min(width, i + groupSize)
  const space = rangeSpace(last - i)
  for (let k = i, to = 0; k < last; k++, to += lanes) {
    const at = k * rows + tile.row
    const inBlock = (k - start) * lanes
    if (k < end) space.values.set(tile.values.subarray(inBlock, inBlock + tile.count), to)
    else space.values.set(weights.subarray(at, at + tile.count), to)
  }
  fitLanes(args, i / groupSize, tile, space, importanceOf(args, i, last))
}

/** Row kernel: the grid of every group from the weights as they are, groups in the original order of columns. */
export function fitStaticGroups(
  args: ColumnArgs & WithGrid & { readonly positionOf: Int32Array },
  start: number,
  end: number,
): void {
  const { rows, width, groupSize, weights, positionOf } = args
  const all = importanceOf(args, 0, width)
  for (let i = 0; i < width; i += groupSize) {
    const positions = positionOf.subarray(i, Math.min(width, i + groupSize))
    const importance = all && Float64Array.from(positions, p => all[p]!)
    const space = rangeSpace(positions.length)
    for (let row = start; row < end; row += lanes) {
      const count = Math.min(lanes, end - row)
      for (const [k, position] of positions.entries()) {
        const from = position * rows + row
        space.values.set(weights.subarray(from, from + count), k * lanes)
      }
      fitLanes(args, i / groupSize, { row, count }, space, importance)
    }
  }
}

/** What an error in each column costs: 1/U_jj². */
function importanceOf({ weighted, lower, width }: ColumnArgs, from: number, to: number): Float64Array | undefined {
  if (!weighted) return undefined
  return Float64Array.from({ length: to - from }, (_, k) => lower[(from + k) * (width + 1)]! ** -2)
}
