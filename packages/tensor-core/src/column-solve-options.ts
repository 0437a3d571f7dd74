import { type Grid, type GridSpec, resolveGrid } from './grid.ts'
import { checkSuperScales, type SuperScales } from './super-scales.ts'

/** What the solver writes into a matrix, as plain data: it is sent to worker threads. */
export interface ColumnSolveOptions {
  /** Round every weight to a grid (GPTQ). Without it weights stay floats. */
  readonly quantize?: QuantizeOptions
  /** Remove weights (SparseGPT); with `quantize`, jointly: what is removed is zero, the rest is rounded. */
  readonly sparse?: SparseOptions
  /** Columns per block, 128 by default: moved to a multiple or a divisor of the group size. Results do not depend on it, but for `sparsity`, whose threshold is per block. */
  readonly blockSize?: number
}

export interface QuantizeOptions extends GridSpec {
  /** Consecutive inputs that share a grid; −1 = the whole row. The last group may be shorter. */
  readonly groupSize?: number
  /**
   * What a group's grid is fitted to. `live`: the weights as corrected so far, at the moment its first column is due;
   * `stale`: as they stood at the start of the block (the reference GPTQ); `static`: the original weights in their original
   * order, so that act-order needs no index of groups.
   */
  readonly groups?: 'live' | 'stale' | 'static'
  /** Weigh the errors of an MSE range search by what the Hessian says a column's error costs, 1/U_jj². */
  readonly weighted?: boolean
  /** Scales that are codes themselves, with a scale of their own; `range` is then `fit`, and scales of scales are f16. */
  readonly supers?: SuperScales
}

export type SparseOptions =
  /** The share to remove, by w²/U_jj² over all rows of a block of columns. `compatible`: one more goes, as in the reference. */
  | { readonly sparsity: number; readonly compatible?: boolean }
  /** Remove `zeros` of every `of` consecutive inputs of a row. */
  | { readonly zeros: number; readonly of: number }

/** The options checked against a width, in the form that the kernels read. */
export interface SolvePlan {
  readonly grid: Grid | undefined
  readonly groups: 'live' | 'stale' | 'static'
  readonly weighted: boolean
  /** Columns that share a grid; the width when the whole row does. */
  readonly groupSize: number
  /** Columns whose grids are fitted at once. */
  readonly unit: number
  readonly supers: SuperScales | undefined
  readonly sparse: SparseOptions | undefined
  /** Block boundaries, 0 … width. */
  readonly edges: readonly number[]
}

/**
 * Where blocks start and end. A group must not straddle the end of a block unless it starts where a block starts: fitting
 * it needs columns that are all corrected by the same earlier columns.
 */
export function blockEdges(width: number, blockSize: number, groupSize: number): number[] {
  const edges = [0]
  const step = groupSize > blockSize ? blockSize : Math.floor(blockSize / groupSize) * groupSize
  for (let at = 0; at < width; ) {
    const groupEnd = groupSize > blockSize ? (Math.floor(at / groupSize) + 1) * groupSize : width
    at = Math.min(at + step, groupEnd, width)
    edges.push(at)
  }
  return edges
}

/** Checks options against a width. @throws RangeError or TypeError that names the option */
export function planSolve({ quantize, sparse, blockSize = 128 }: ColumnSolveOptions, width: number): SolvePlan {
  whole('blockSize', blockSize, 1, 1024)
  const groupSize = groupSizeOf(quantize, width)
  const supers = quantize?.supers
  if (supers) checkSuperScales(supers, width, groupSize, quantize.zero === 'min')
  if (supers && quantize.levels)
    throw new TypeError('columnSolve: super-blocks are of whole levels; leave `levels` out')
  const unit = supers?.size ?? groupSize
  if (sparse) checkSparse(sparse, quantize, blockSize, groupSize < width ? groupSize : blockSize)
  return {
    grid: quantize && resolveGrid(quantize),
    groups: quantize?.groups ?? 'live',
    weighted: quantize?.weighted ?? false,
    groupSize,
    unit,
    supers,
    sparse,
    edges: blockEdges(width, blockSize, unit),
  }
}

function whole(name: string, value: number, least: number, most: number): void {
  if (!Number.isInteger(value) || value < least || value > most)
    throw new RangeError(`columnSolve: ${name} must be a whole number ${least} … ${most}, got ${value}`)
}

function groupSizeOf(quantize: QuantizeOptions | undefined, width: number): number {
  const size = quantize?.groupSize ?? -1
  if (size === -1) return width
  whole('groupSize', size, 1, 2 ** 24)
  return Math.min(size, width)
}

function checkSparse(
  sparse: SparseOptions,
  quantize: QuantizeOptions | undefined,
  blockSize: number,
  group: number,
): void {
  if (quantize?.zero === 'min')
    throw new TypeError(
      'columnSolve: a grid with a minimum cannot write an exact zero; use zero: integer with `sparse`',
    )
  if (quantize?.levels && !quantize.levels.includes(0))
    throw new TypeError(
      'columnSolve: a grid without the level 0 cannot write an exact zero; take another with `sparse`',
    )
  if ('sparsity' in sparse) {
    if (sparse.sparsity >= 0 && sparse.sparsity < 1) return
    throw new RangeError(`columnSolve: sparsity must be in [0, 1), got ${sparse.sparsity}`)
  }
  whole('of', sparse.of, 2, 128)
  whole('zeros', sparse.zeros, 0, sparse.of)
  if (blockSize % sparse.of || group % sparse.of)
    throw new RangeError(
      `columnSolve: block size ${blockSize} and group size ${group} must be multiples of the pattern's ${sparse.of}`,
    )
}
