import type { Method } from '@sinter/model'
import * as table from './methods.ts'

export { type MagnitudeOptions, magnitude, magnitudeMask } from './magnitude.ts'
export { patternCount, smallestPerPattern, smallestPerRow } from './masks.ts'
export { type PruneOptions, patternOf } from './options.ts'
export { type SparseGptOptions, type SparseGptResult, sparseGpt, sparseGptMethod } from './sparsegpt.ts'
export { wanda, wandaMask, wandaScores } from './wanda.ts'

/** Every method of this package, in the order of their names there. */
export const methods: readonly Method[] = Object.values(table)
