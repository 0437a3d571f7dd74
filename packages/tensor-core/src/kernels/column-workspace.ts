import { MOST_LEVELS, maxCode } from '../grid.ts'
import { type BlockArgs, lanes, type Tile } from './column-args.ts'
import { columnKernels, levelTable } from './column-simd.ts'

/** A tile of a block in the memory of the SIMD kernels, and what they need beside it. */
export interface Workspace {
  readonly kernels: ReturnType<typeof columnKernels>['kernels']
  /** Of the block, n. */
  readonly columns: number
  /** Byte addresses of what follows. */
  readonly at: Readonly<Record<Part, number>>
  /** Matrices [n, lanes]. */
  readonly values: Float64Array
  readonly errors: Float64Array
  /** All bits, or none where the weight is removed. */
  readonly keep: BigInt64Array
  readonly codes: Uint8Array
  /** [lanes] */
  readonly loss: Float64Array
  /** [slots, 2, lanes]: scales and zeros of the groups that the block touches. */
  readonly grids: Float64Array
  /** Those groups. */
  readonly groups: readonly number[]
  /** The errors of the block's columns before this one are already in a column's values [n]. */
  readonly applied: Int32Array
}

type Part = 'values' | 'errors' | 'keep' | 'loss' | 'factors' | 'largestCode' | 'grids' | 'slots' | 'codes'

export const unmarked = -1n
export const marked = 0n

export function createWorkspace(args: BlockArgs): Workspace {
  const { start, end, grid, groupOf, mask } = args
  const columns = end - start
  const groups = grid ? [...new Set(groupOf.subarray(start, end))] : []
  const { at, bytes } = layout(columns, groups.length)
  const { kernels, memory } = columnKernels(bytes)
  const part = (address: number, length: number) => memory.subarray(address / 8, address / 8 + length)
  copyFactors(args, part(at.factors, columns * columns))
  if (grid) memory.set(grid.levels ? levelTable(grid.levels) : [maxCode(grid)], at.largestCode / 8)
  const slots = new Int32Array(memory.buffer, at.slots, columns)
  for (let k = 0; k < columns; k++) slots[k] = at.grids + groups.indexOf(groupOf[start + k]!) * 2 * lanes * 8
  const keep = new BigInt64Array(memory.buffer, at.keep, columns * lanes)
  if (mask.length === 0) keep.fill(unmarked)
  return {
    kernels,
    columns,
    at,
    values: part(at.values, columns * lanes),
    errors: part(at.errors, columns * lanes),
    keep,
    codes: new Uint8Array(memory.buffer, at.codes, columns * lanes),
    loss: part(at.loss, lanes),
    grids: part(at.grids, groups.length * 2 * lanes),
    groups,
    applied: new Int32Array(columns),
  }
}

/** Everything one behind the other, in whole f64. */
function layout(columns: number, groups: number): { at: Record<Part, number>; bytes: number } {
  const sizes: [Part, number][] = [
    ['values', columns * lanes],
    ['errors', columns * lanes],
    ['keep', columns * lanes],
    ['loss', lanes],
    ['factors', columns * columns],
    ['largestCode', 2 * MOST_LEVELS],
    ['grids', groups * 2 * lanes],
    ['slots', Math.ceil(columns / 2)],
    ['codes', (columns * lanes) / 8],
  ]
  let bytes = 0
  const at = {} as Record<Part, number>
  for (const [part, size] of sizes) {
    at[part] = bytes
    bytes += size * 8
  }
  return { at, bytes }
}

function copyFactors({ start, end, lower, width }: BlockArgs, to: Float64Array): void {
  const columns = end - start
  for (let k = 0; k < columns; k++) {
    const from = (start + k) * width + start
    to.set(lower.subarray(from, from + columns), k * columns)
  }
}

/** Brings the tile's rows in. Beyond them, lanes hold whatever was there; they end in no result. */
export function load({ start, end, rows, weights, mask, loss }: BlockArgs, space: Workspace, tile: Tile): void {
  const { row, count } = tile
  for (let i = start, to = 0; i < end; i++, to += lanes) {
    const from = i * rows + row
    space.values.set(weights.subarray(from, from + count), to)
    if (mask.length > 0) for (let r = 0; r < count; r++) space.keep[to + r] = mask[from + r] ? marked : unmarked
  }
  space.loss.set(loss.subarray(row, row + count))
}

/** Scales and zeros as far as they are fitted. */
export function loadGrids({ rows, scales, zeros }: BlockArgs, { groups, grids }: Workspace, tile: Tile): void {
  for (const [slot, group] of groups.entries()) {
    const from = group * rows + tile.row
    grids.set(scales.subarray(from, from + tile.count), slot * 2 * lanes)
    grids.set(zeros.subarray(from, from + tile.count), (slot * 2 + 1) * lanes)
  }
}

export function store(args: BlockArgs, space: Workspace, { row, count }: Tile): void {
  const { start, end, rows, grid, weights, errors, codes, loss } = args
  for (let i = start, from = 0; i < end; i++, from += lanes) {
    const to = i * rows + row
    weights.set(space.values.subarray(from, from + count), to)
    errors.set(space.errors.subarray(from, from + count), to)
    if (grid) codes.set(space.codes.subarray(from, from + count), to)
  }
  loss.set(space.loss.subarray(0, count), row)
}
