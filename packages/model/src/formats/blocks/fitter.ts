import type { FitPlan } from './fit-plan.ts'
import type { Fits } from './fits.ts'

/** Whole sub-blocks one after the other, and what is known of them. */
export interface SubBlocks {
  readonly values: Float32Array
  /** One a value, where the plan weighs by importance. */
  readonly importance?: Float32Array | undefined
  /** σ², one a sub-block, where the plan's weights need it. */
  readonly variances?: Float32Array | undefined
}

/** The work that is done for every value of an encoding with searched scales. Two of them give the same bits: plain code and kernels. */
export interface Fitter {
  /** Finds the scales of all sub-blocks. */
  fit(plan: FitPlan, blocks: SubBlocks, fits: Fits): void
  /**
   * Codes of all values on given grids, one a sub-block: nearest((x + min) / step) within `least … most`, stored from 0. Sub-blocks whose
   * step is 0 get any codes.
   */
  round(values: Float32Array, grids: Grids, codes: Uint8Array): void
  /** Codes as the search left them, which a search of kind `descend` does not say. */
  codes(values: Float32Array, fits: Fits, limits: Limits, codes: Uint8Array): void
  /** Adds the squares of the values to `sum`, in f32, one after the other. */
  addSquares(values: Float32Array, sum: number): number
}

export interface Limits {
  readonly length: 16 | 32
  readonly least: number
  readonly most: number
}

export interface Grids extends Limits {
  /** One a sub-block. */
  readonly steps: Float32Array
  readonly mins: Float32Array
}
