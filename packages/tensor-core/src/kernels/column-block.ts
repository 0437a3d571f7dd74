import type { Grid } from '../grid.ts'
import { type BlockArgs, lanes, type Tile } from './column-args.ts'
import { fitUnit } from './column-groups.ts'
import { strip } from './column-simd.ts'
import { createWorkspace, load, loadGrids, marked, store, type Workspace } from './column-workspace.ts'

/** Row kernel: solves one block of columns for a share of the rows. */
export function solveBlock(args: BlockArgs, start: number, end: number): void {
  const space = createWorkspace(args)
  for (let row = start; row < end; row += lanes) {
    const tile: Tile = { row, count: Math.min(lanes, end - row), values: space.values }
    space.applied.fill(0)
    load(args, space, tile)
    solveTile(args, space, tile)
    store(args, space, tile)
  }
}

function solveTile(args: BlockArgs, space: Workspace, tile: Tile): void {
  const { start, end, unit, groups, grid, pattern, width } = args
  const live = grid && groups === 'live'
  if (grid && groups === 'stale')
    for (let i = start; i < end; i++) if (i % unit === 0) fitUnit({ ...args, grid }, tile, i)
  if (grid) loadGrids(args, space, tile)
  for (let i = start, to = end; i < end; i = to) {
    to = end
    if (live) {
      to = Math.min(to, i - (i % unit) + unit)
      if (i % unit === 0) {
        advance(space, tile, i - start, to - start)
        fitUnit({ ...args, grid }, tile, i)
        loadGrids(args, space, tile)
      }
    }
    if (pattern) {
      to = Math.min(to, i + pattern.of)
      advance(space, tile, i - start, to - start)
      chooseZeros(args, space, tile, i, Math.min(width, to))
    }
    finish(args, space, tile, i - start, to - start)
  }
}

/** Brings the columns [from, to) of the tile up to date with the errors of all the block's columns before `from`. */
function advance({ kernels, at, columns, applied }: Workspace, tile: Tile, from: number, to: number): void {
  for (let k = from; k < to; k++) {
    const done = applied[k]!
    if (done >= from) continue
    applied[k] = from
    const row = at.factors + k * columns * 8
    for (let lane = 0; lane < tile.count * 8; lane += strip * 8) {
      const errors = at.errors + done * lanes * 8 + lane
      kernels.advance(at.values + k * lanes * 8 + lane, errors, row + done * 8, row + from * 8)
    }
  }
}

/** Rounds (or lets go) the columns [from, to) of the tile one after another. */
function finish({ grid }: BlockArgs, space: Workspace, tile: Tile, from: number, to: number): void {
  const { kernels, at, columns } = space
  const run = grid ? roundingOf(grid, kernels) : kernels.keep
  advance(space, tile, from, to)
  const matrix = from * lanes * 8
  for (let r = 0; r < tile.count; r += strip) {
    const lane = r * 8
    run(
      at.values + matrix + lane,
      at.values + to * lanes * 8 + lane,
      at.errors + matrix + lane,
      at.keep + matrix + lane,
      at.codes + from * lanes + r,
      at.factors + from * (columns + 1) * 8,
      columns * 8,
      at.slots + from * 4,
      lane,
      at.loss + lane,
      at.largestCode,
    )
  }
}

function roundingOf({ levels, zero }: Grid, kernels: Workspace['kernels']): Workspace['kernels']['round'] {
  if (levels) return kernels.roundToLevel
  return zero === 'min' ? kernels.roundFromMin : kernels.round
}

/** n:m: of the columns [from, to), already up to date, removes those whose loss w²/U_jj² is least; ties by index. */
function chooseZeros(args: BlockArgs, space: Workspace, tile: Tile, from: number, to: number): void {
  const { rows, mask, lower, width, start, pattern } = args
  const remove = Math.floor((pattern!.zeros * (to - from)) / pattern!.of)
  const scores = new Float64Array(to - from)
  for (let r = 0; r < tile.count; r++) {
    for (let k = from; k < to; k++)
      scores[k - from] = (tile.values[(k - start) * lanes + r]! / lower[k * (width + 1)]!) ** 2
    for (let n = 0; n < remove; n++) {
      let best = 0
      for (let k = 1; k < scores.length; k++) if (scores[k]! < scores[best]!) best = k
      scores[best] = Number.POSITIVE_INFINITY
      mask[(from + best) * rows + tile.row + r] = 1
      space.keep[(from + best - start) * lanes + r] = marked
    }
  }
}
