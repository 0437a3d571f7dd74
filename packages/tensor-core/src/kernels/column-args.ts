import type { Grid } from '../grid.ts'
import type { SuperScales } from '../super-scales.ts'

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
  /** Columns whose grids are fitted at once: a group, or all groups under one scale of scales. */
  readonly unit: number
  readonly supers: SuperArgs | undefined
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

/** What grids with two levels of scales have beside the products in `scales` and `zeros`. */
export interface SuperArgs {
  readonly spec: SuperScales
  /** [groups, o], less the least code. */
  readonly scaleCodes: Uint8Array
  /** [groups, o]; zeros on grids without minimums. */
  readonly minCodes: Uint8Array
  /** [super-blocks, o] */
  readonly scales: Float64Array
  /** [super-blocks, o] */
  readonly mins: Float64Array
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
