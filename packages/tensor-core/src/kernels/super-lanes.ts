import type { Grid } from '../grid.ts'
import { fitSuperBlock, type SuperFit, type SuperGrid } from '../super-fit.ts'
import { type ColumnArgs, lanes, type SuperArgs, type Tile } from './column-args.ts'
import type { RangeSpace } from './range-search.ts'

type Args = ColumnArgs & { readonly grid: Grid; readonly supers: SuperArgs }

/** Fits a super-block of each of the tile's rows to the values in `rangeSpace`, its groups one after another, and records it. */
export function fitSuperLanes(
  args: Args,
  superBlock: number,
  { row, count }: Pick<Tile, 'row' | 'count'>,
  { columns, values }: RangeSpace,
  importance: Float64Array | undefined,
): void {
  const grid = superGrid(args)
  const run = {
    values: new Float64Array(columns),
    importance: importance ?? new Float64Array(columns).fill(1),
  }
  for (let r = 0; r < count; r++) {
    for (let k = 0; k < columns; k++) run.values[k] = values[k * lanes + r]!
    record(args, superBlock, row + r, fitSuperBlock(run, 0, grid))
  }
}

function superGrid({ grid, groupSize, supers }: Args): SuperGrid {
  const least = grid.symmetric ? -(2 ** (grid.bits - 1)) : 0
  return { least, most: least + 2 ** grid.bits - 1, groupSize, supers: supers.spec }
}

function record({ rows, grid, scales, zeros, supers }: Args, superBlock: number, row: number, fit: SuperFit): void {
  const { scale, min, scaleCodes, minCodes } = fit
  supers.scales[superBlock * rows + row] = scale
  supers.mins[superBlock * rows + row] = min
  for (let g = 0; g < scaleCodes.length; g++) {
    const at = (superBlock * scaleCodes.length + g) * rows + row
    supers.scaleCodes[at] = scaleCodes[g]! - supers.spec.least
    supers.minCodes[at] = minCodes[g]!
    scales[at] = scale * scaleCodes[g]!
    zeros[at] = grid.symmetric ? 2 ** (grid.bits - 1) : -min * minCodes[g]!
  }
}
