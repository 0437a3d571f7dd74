import type { Grid } from '../grid.ts'
import { type BlockArgs, type ColumnArgs, lanes, type Tile } from './column-args.ts'
import { fitLanes, type RangeSpace, rangeSpace } from './range-search.ts'
import { fitSuperLanes } from './super-lanes.ts'

type WithGrid = { readonly grid: Grid }

/**
 * Fits the groups whose columns start at position i to the tile's values; what lies beyond the block is up to date already. A
 * group's columns may stand in any order, and groups in any order within their super-block.
 */
export function fitUnit(args: BlockArgs & WithGrid, tile: Tile, i: number): void {
  const { rows, width, weights, start, end, unit, groupOf } = args
  const positions = Int32Array.from({ length: Math.min(width, i + unit) - i }, (_, k) => i + k)
  positions.sort((a, b) => groupOf[a]! - groupOf[b]! || a - b)
  const space = rangeSpace(positions.length)
  for (const [k, position] of positions.entries()) {
    const at = position * rows + tile.row
    const inBlock = (position - start) * lanes
    const from =
      position < end ? tile.values.subarray(inBlock, inBlock + tile.count) : weights.subarray(at, at + tile.count)
    space.values.set(from, k * lanes)
  }
  fitRows(args, groupOf[i]!, tile, space, importanceOf(args, positions))
}

/** Row kernel: the grid of every group from the weights as they are, groups in the original order of columns. */
export function fitStaticGroups(
  args: ColumnArgs & WithGrid & { readonly positionOf: Int32Array },
  start: number,
  end: number,
): void {
  const { rows, width, unit, groupSize, weights, positionOf } = args
  for (let i = 0; i < width; i += unit) {
    const positions = positionOf.subarray(i, Math.min(width, i + unit))
    const importance = importanceOf(args, positions)
    const space = rangeSpace(positions.length)
    for (let row = start; row < end; row += lanes) {
      const count = Math.min(lanes, end - row)
      for (const [k, position] of positions.entries()) {
        const from = position * rows + row
        space.values.set(weights.subarray(from, from + count), k * lanes)
      }
      fitRows(args, i / groupSize, { row, count }, space, importance)
    }
  }
}

/** @param group any group of the unit */
function fitRows(
  args: ColumnArgs & WithGrid,
  group: number,
  tile: Pick<Tile, 'row' | 'count'>,
  space: RangeSpace,
  importance: Float64Array | undefined,
): void {
  const { supers, unit, groupSize } = args
  if (!supers) fitLanes(args, group, tile, space, importance)
  else fitSuperLanes({ ...args, supers }, Math.floor((group * groupSize) / unit), tile, space, importance)
}

/** What an error in each column costs: 1/U_jj². */
function importanceOf({ weighted, lower, width }: ColumnArgs, positions: Int32Array): Float64Array | undefined {
  if (!weighted) return undefined
  return Float64Array.from(positions, position => lower[position * (width + 1)]! ** -2)
}
