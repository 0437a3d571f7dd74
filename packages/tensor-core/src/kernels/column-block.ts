import { fitGrid, type Grid } from '../grid.ts'

/**
 * The inner part of the column solver: one block of columns, a share of the rows. Rows are independent of each other.
 * Matrices of the solver are stored by column, [d, o], in solving order: a column's values for neighbouring rows lie
 * side by side, and errors of earlier columns are a contiguous [i, o] operand for the product outside the block.
 */
export interface BlockArgs {
  /** Number of rows, o. */
  readonly rows: number
  /** Number of columns, d. */
  readonly width: number
  /** The block's columns [start, end). */
  readonly start: number
  readonly end: number
  /** [d, o]; on return the block's columns hold their final values. */
  readonly weights: Float64Array
  /** [d, o], (w − q)/U_jj of every finished column. */
  readonly errors: Float64Array
  /** Uᵀ [d, d]. */
  readonly lower: Float64Array
  /** [o], Σ e² so far. */
  readonly loss: Float64Array
  readonly grid: Grid | undefined
  readonly groups: 'live' | 'stale' | 'static'
  readonly weighted: boolean
  readonly groupSize: number
  /** Group of each position [d]. */
  readonly groupOf: Int32Array
  /** [groups, o] */
  readonly scales: Float64Array
  /** [groups, o], zero points or minima. */
  readonly zeros: Float64Array
  /** [d, o] */
  readonly codes: Uint8Array
  /** [d, o], 1 = removed; filled before the block (unstructured) or here (n:m). */
  readonly mask: Uint8Array
  readonly pattern: { readonly zeros: number; readonly of: number } | undefined
  readonly masked: boolean
}

/** Rows solved together: a step of a column over them is one pass of eight sums in registers. */
const lanes = 8

interface Tile {
  readonly row: number
  readonly count: number
  /** [block columns, lanes] */
  readonly values: Float64Array
  readonly errors: Float64Array
  /** The errors of columns before this one are already in a column's values. */
  readonly applied: Int32Array
}

/** Row kernel. */
export function solveBlock(args: BlockArgs, start: number, end: number): void {
  const columns = args.end - args.start
  const values = new Float64Array(columns * lanes)
  const errors = new Float64Array(columns * lanes)
  const applied = new Int32Array(columns)
  for (let row = start; row < end; row += lanes) {
    const tile = { row, count: Math.min(lanes, end - row), values, errors, applied: applied.fill(0) }
    load(args, tile)
    solveTile(args, tile)
    store(args, tile)
  }
}

function load({ start, end, rows, weights }: BlockArgs, { row, count, values }: Tile): void {
  values.fill(0)
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

function solveTile(args: BlockArgs, tile: Tile): void {
  const { start, end, groupSize, groups, grid, pattern } = args
  if (grid && groups === 'stale') for (let i = start; i < end; i++) if (i % groupSize === 0) fitGroup(args, tile, i)
  for (let i = start; i < end; i++) {
    if (grid && groups === 'live' && i % groupSize === 0) {
      for (let k = i; k < Math.min(end, i + groupSize); k++) advance(args, tile, k - start, i - start)
      fitGroup(args, tile, i)
    }
    if (pattern && i % pattern.of === 0) {
      const last = Math.min(args.width, i + pattern.of)
      for (let k = i; k < last; k++) advance(args, tile, k - start, i - start)
      chooseZeros(args, tile, i, last)
    }
    advance(args, tile, i - start, i - start)
    finishColumn(args, tile, i)
  }
}

/** Brings a column of the tile up to date with the errors of the block's columns before `upTo`. */
function advance(
  { lower, start, width }: BlockArgs,
  { values, errors, applied }: Tile,
  column: number,
  upTo: number,
): void {
  const from = applied[column]!
  if (from >= upTo) return
  applied[column] = upTo
  const factors = (start + column) * width + start
  let s0 = 0
  let s1 = 0
  let s2 = 0
  let s3 = 0
  let s4 = 0
  let s5 = 0
  let s6 = 0
  let s7 = 0
  for (let i = from, e = from * lanes; i < upTo; i++, e += lanes) {
    const u = lower[factors + i]!
    s0 += u * errors[e]!
    s1 += u * errors[e + 1]!
    s2 += u * errors[e + 2]!
    s3 += u * errors[e + 3]!
    s4 += u * errors[e + 4]!
    s5 += u * errors[e + 5]!
    s6 += u * errors[e + 6]!
    s7 += u * errors[e + 7]!
  }
  const to = column * lanes
  values[to]! -= s0
  values[to + 1]! -= s1
  values[to + 2]! -= s2
  values[to + 3]! -= s3
  values[to + 4]! -= s4
  values[to + 5]! -= s5
  values[to + 6]! -= s6
  values[to + 7]! -= s7
}

/** Writes the column's final values and its errors, scaled so that later columns take Uᵀ times them. */
function finishColumn(args: BlockArgs, tile: Tile, i: number): void {
  const { rows, grid, masked, mask, lower, width, loss } = args
  const { row, count, values, errors } = tile
  const pivot = lower[i * width + i]!
  const at = (i - args.start) * lanes
  for (let r = 0; r < count; r++) {
    const weight = values[at + r]!
    const kept = masked && mask[i * rows + row + r] ? 0 : weight
    const value = grid ? round(args, grid, i, row + r, kept) : kept
    const error = (weight - value) / pivot
    values[at + r] = value
    errors[at + r] = error
    loss[row + r]! += error * error
  }
}

/** Adding and taking away 1.5·2⁵² rounds half to even; see roundHalfEven. Weights over scales are far below 2⁵¹. */
const noFraction = 6755399441055744

/** Records the code of a weight and returns its value. */
function round(
  { rows, groupOf, scales, zeros, codes }: BlockArgs,
  grid: Grid,
  i: number,
  row: number,
  weight: number,
): number {
  const at = groupOf[i]! * rows + row
  const scale = scales[at]!
  const zero = zeros[at]!
  const max = 2 ** grid.bits - 1
  const isMin = grid.zero === 'min'
  const level = isMin
    ? (weight - zero) / scale + noFraction - noFraction
    : weight / scale + noFraction - noFraction + zero
  const code = level > 0 ? Math.min(level, max) : 0
  codes[i * rows + row] = code
  return isMin ? scale * code + zero : scale * (code - zero)
}

/** Fits the group that starts at column i to the tile's values; what lies beyond the block is up to date already. */
function fitGroup(args: BlockArgs, tile: Tile, i: number): void {
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

function keepGrid(args: BlockArgs, group: number, row: number, run: Float64Array, importance?: Float64Array): void {
  const { scale, zero } = fitGrid(run, args.grid!, 0, run.length, importance)
  args.scales[group * args.rows + row] = scale
  args.zeros[group * args.rows + row] = zero
}

function importanceOf({ weighted, lower, width }: BlockArgs, from: number, to: number): Float64Array | undefined {
  if (!weighted) return undefined
  return Float64Array.from({ length: to - from }, (_, k) => lower[(from + k) * (width + 1)]! ** -2)
}

/** Row kernel: grids of every group from the weights as they are, groups in the original order of columns. */
export function fitStaticGroups(
  args: BlockArgs & { readonly positionOf: Int32Array },
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

/** n:m: of the columns [from, to), already up to date, removes those whose loss w²/U_jj² is least; ties by index. */
function chooseZeros(args: BlockArgs, tile: Tile, from: number, to: number): void {
  const { rows, mask, lower, width, start, pattern } = args
  const remove = Math.floor((pattern!.zeros * (to - from)) / pattern!.of)
  for (let r = 0; r < tile.count; r++) {
    const row = tile.row + r
    for (let n = 0; n < remove; n++) {
      let best = -1
      let least = Number.POSITIVE_INFINITY
      for (let k = from; k < to; k++) {
        if (mask[k * rows + row]) continue
        const score = (tile.values[(k - start) * lanes + r]! / lower[k * (width + 1)]!) ** 2
        if (score < least || best < 0) {
          least = score
          best = k
        }
      }
      mask[best * rows + row] = 1
    }
  }
}
