export { compareLogits, type LogitDifference } from './compare-logits.ts'
export type { DiskBytes } from './disk-bytes.ts'
export { type Divergence, divergence, type Percent, type Spread, spread } from './divergence.ts'
export { type EvaluateOptions, type Evaluation, evaluate, wantedBos } from './evaluate.ts'
export { type Estimate, estimateMean, quantile } from './moments.ts'
export { type Perplexity, perplexity } from './perplexity.ts'
export { type EvaluationProgress, type ScoreOptions, scoreWindows } from './score-windows.ts'
export { measureSize, type Size, type SizeOptions, type TensorBytes } from './size.ts'
export type { TokenScores } from './token-scores.ts'
export { type TensorDifference, tensorDifference } from './values/tensor-difference.ts'
export {
  asMatrix,
  type PartSummaries,
  type TensorValues,
  type TensorValuesOptions,
  tensorValues,
} from './values/tensor-values.ts'
export { type LinearHistogram, type MagnitudeHistogram, magnitudeEdge } from './values/value-histogram.ts'
export type { ValueMap } from './values/value-map.ts'
export { summarizeGroups, summarizeValues, type ValueSummary } from './values/value-moments.ts'
export { cutWindows, type Protocol, type Window, type WindowOptions } from './windows.ts'
