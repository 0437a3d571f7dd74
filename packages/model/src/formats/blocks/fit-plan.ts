import type { ScaleMinSearch } from './search-scale-min.ts'

/** What a value weighs in the search of its sub-block. */
export type Weighing =
  /** Root mean square of the sub-block + |x|. */
  | 'spread'
  /** |x| */
  | 'magnitude'
  /** x² */
  | 'square'
  /** What is given. */
  | 'importance'
  /** What is given · √(σ² + x²). */
  | 'importance-spread'

/** How the scales of sub-blocks are found: everything that the plain code and the kernels have to agree on. */
export type FitPlan =
  | { readonly kind: 'scale-min'; readonly weighing: Weighing; readonly search: ScaleMinSearch }
  | { readonly kind: 'scale'; readonly weighing: Weighing; readonly length: 16 | 32; readonly most: number }
  /** ggml's Q3_K without importance: sub-blocks of 16, codes −4 … 3, weights x². */
  | { readonly kind: 'descend' }

export const fitLength = (plan: FitPlan): 16 | 32 =>
  plan.kind === 'scale-min' ? plan.search.length : plan.kind === 'scale' ? plan.length : 16

/** ggml's search for scale and minimum where importance is known: 37 grids of `most` − 0.9 … + 0.9 steps. */
export const weightedScaleMin = (length: 16 | 32, most: number): FitPlan => ({
  kind: 'scale-min',
  weighing: 'importance-spread',
  search: { length, most, from: -0.9, step: 0.05, trials: 36, absolute: false },
})

/** … and for a scale alone. */
export const weightedScale = (length: 16 | 32, most: number): FitPlan => ({
  kind: 'scale',
  weighing: 'importance-spread',
  length,
  most,
})
