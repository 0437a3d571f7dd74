import type { Grid } from '../grid.ts'
import { type BlockArgs, lanes, type Tile } from './column-args.ts'
import { fitGroup } from './column-groups.ts'
import { type SimdKernels, simdKernels } from './simd.ts'

/** A block in the memory of the SIMD kernels: the tile's values and errors, then the block's square of Uᵀ. */
interface Workspace {
  readonly kernels: SimdKernels
  readonly values: Float64Array
  readonly errors: Float64Array
  /** [block columns, block columns] of Uᵀ. */
  readonly factors: Float64Array
  /** The errors of the block's columns before this one are already in a column's values. */
  readonly applied: Int32Array
}

/** Row kernel: solves one block of columns for a share of the rows. */
export function solveBlock(args: BlockArgs, start: number, end: number): void {
  const space = createWorkspace(args)
  for (let row = start; row < end; row += lanes) {
    const { values, errors } = space
    const tile: Tile = { row, count: Math.min(lanes, end - row), values, errors }
    space.applied.fill(0)
    load(args, tile)
    solveTile(args, space, tile)
    store(args, tile)
  }
}

let last: { columns: number; simd: ReturnType<typeof simdKernels> } | undefined

function createWorkspace({ start, end, lower, width }: BlockArgs): Workspace {
  const columns = end - start
  const tileSize = columns * lanes
  if (last?.columns !== columns) last = { columns, simd: simdKernels((2 * tileSize + columns * columns) * 8) }
  const { kernels, memory } = last.simd
  const factors = memory.subarray(2 * tileSize, 2 * tileSize + columns * columns)
  for (let k = 0; k < columns; k++) {
    const from = (start + k) * width + start
    factors.set(lower.subarray(from, from + columns), k * columns)
  }
  return {
    kernels,
    values: memory.subarray(0, tileSize),
    errors: memory.subarray(tileSize, 2 * tileSize),
    factors,
    applied: new Int32Array(columns),
  }
}

function load({ start, end, rows, weights }: BlockArgs, { row, count, values }: Tile): void {
  if (count < lanes) values.fill(0)
  for (let i = start; i < end; i++)
    for (let r = 0, from = i * rows + row, to = (i - start) * lanes; r < count; r++) values[to + r] = weights[from + r]!
}

function store({ start, end, rows, weights, errors }: BlockArgs, tile: Tile): void {
  for (let i = start; i < end; i++)
    for (let r = 0, to = i * rows + tile.row, from = (i - start) * lanes; r < tile.count; r++) {
      weights[to + r] = tile.values[from + r]!
      errors[to + r] = tile.errors[from + r]!
    }
}

function solveTile(args: BlockArgs, space: Workspace, tile: Tile): void {
  const { start, end, groupSize, groups, grid, pattern, width } = args
  const kept = new Float64Array(lanes)
  if (grid && groups === 'stale') for (let i = start; i < end; i++) if (i % groupSize === 0) fitGroup(args, tile, i)
  for (let i = start; i < end; i++) {
    if (grid && groups === 'live' && i % groupSize === 0) {
      advance(space, i - start, Math.min(end, i + groupSize) - start)
      fitGroup(args, tile, i)
    }
    if (pattern && i % pattern.of === 0) {
      const to = Math.min(width, i + pattern.of)
      advance(space, i - start, to - start)
      chooseZeros(args, tile, i, to)
    }
    advance(space, i - start, i - start + 1)
    keep(args, tile, i, kept)
    if (grid) round(args, grid, tile, i, kept)
    finish(args, tile, i, kept)
  }
}

/** Brings the columns [from, to) of the tile up to date with the errors of all the block's columns before `from`. */
function advance({ kernels, errors, factors, applied }: Workspace, from: number, to: number): void {
  const columns = applied.length
  for (let k = from; k < to; k++) {
    const done = applied[k]!
    if (done >= from) continue
    applied[k] = from
    const row = factors.byteOffset + k * columns * 8
    kernels.advance(k * lanes * 8, errors.byteOffset + done * lanes * 8, row + done * 8, row + from * 8)
  }
}

/** The column's values with the removed ones at 0. */
function keep({ rows, mask, start }: BlockArgs, { row, count, values }: Tile, i: number, kept: Float64Array): void {
  const from = (i - start) * lanes
  const flags = i * rows + row
  if (mask.length === 0) for (let r = 0; r < count; r++) kept[r] = values[from + r]!
  else for (let r = 0; r < count; r++) kept[r] = mask[flags + r] ? 0 : values[from + r]!
}

/** Adding and taking away 1.5·2⁵² rounds half to even; see roundHalfEven. Levels are far below 2⁵¹. */
const noFraction = 6755399441055744

/** Rounds the column to its group's grids and records the codes. */
function round(args: BlockArgs, grid: Grid, { row, count }: Tile, i: number, kept: Float64Array): void {
  const { rows, groupOf, scales, zeros, codes } = args
  const max = 2 ** grid.bits - 1
  const minimum = grid.zero === 'min'
  const group = groupOf[i]! * rows + row
  const to = i * rows + row
  for (let r = 0; r < count; r++) {
    const scale = scales[group + r]!
    const zero = zeros[group + r]!
    const level = minimum
      ? (kept[r]! - zero) / scale + noFraction - noFraction
      : kept[r]! / scale + noFraction - noFraction + zero
    const code = level > 0 ? Math.min(level, max) : 0
    codes[to + r] = code
    kept[r] = minimum ? scale * code + zero : scale * (code - zero)
  }
}

/** Writes the column's final values and its errors, scaled so that later columns take Uᵀ times them. */
function finish({ start, lower, width, loss }: BlockArgs, tile: Tile, i: number, kept: Float64Array): void {
  const { row, count, values, errors } = tile
  const pivot = lower[i * (width + 1)]!
  const at = (i - start) * lanes
  for (let r = 0; r < count; r++) {
    const error = (values[at + r]! - kept[r]!) / pivot
    values[at + r] = kept[r]!
    errors[at + r] = error
    loss[row + r]! += error * error
  }
}

/** n:m: of the columns [from, to), already up to date, removes those whose loss w²/U_jj² is least; ties by index. */
function chooseZeros(
  { rows, mask, lower, width, start, pattern }: BlockArgs,
  tile: Tile,
  from: number,
  to: number,
): void {
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
    }
  }
}
