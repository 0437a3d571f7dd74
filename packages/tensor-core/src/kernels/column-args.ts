import type { Grid } from '../grid.ts'

/**
 * What the column solver's kernels work on. Matrices are stored by column, [d, o], in solving order: a column's values for
 * neighbouring rows lie side by side, and the errors of earlier columns are a contiguous operand [i, o] for the product
 * that updates the next block. Everything large is shared between threads; rows are independent of each other.
 */
export interface ColumnArgs {
  /** Number of rows, o. */
  readonly rows: number
  /** Number of columns, d. */
  readonly width: number
  /** [d, o]; finished columns hold their final values. */
  readonly weights: Float64Array
  /** [d, o], (w − q)/U_jj of every finished column. */
  readonly errors: Float64Array
  /** Uᵀ [d, d] */
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
  /** [d, o]; empty without a grid. */
  readonly codes: Uint8Array
  /** [d, o], 1 = removed; filled before the block (unstructured) or in it (n:m). Empty when nothing is removed. */
  readonly mask: Uint8Array
  readonly pattern: { readonly zeros: number; readonly of: number } | undefined
}

export interface BlockArgs extends ColumnArgs {
  /** The block's columns [start, end). */
  readonly start: number
  readonly end: number
}

/** Rows that lie side by side in the memory of the SIMD kernels. */
export const lanes = 128

/** Some rows of a block, in that memory. */
export interface Tile {
  readonly row: number
  readonly count: number
  /** [block columns, lanes] */
  readonly values: Float64Array
}
