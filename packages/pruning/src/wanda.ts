import { assertFinite, requireStatistic, type WeightMethod } from '@sinter/model'
import type { Pattern, TensorF32, Weight } from '@sinter/tensor-core'
import { z } from 'zod'
import { patternCount, smallestPerPattern, smallestPerRow } from './masks.ts'
import { type PruneOptions, patternOf, pruneFields } from './options.ts'
import { prunedBits, prunedWeight } from './pruned-weight.ts'

/**
 * Wanda's score `|w| · ‖x_j‖₂` (arXiv:2306.11695 §3), `[out, in]`.
 * @param inputNorms `‖x_j‖₂` over all tokens, or any multiple of it: only the order within a row counts
 */
export function wandaScores(weight: TensorF32, inputNorms: Float64Array): Float64Array {
  const cols = weight.shape[1]!
  if (inputNorms.length !== cols) throw new RangeError(`wanda: expected ${cols} input norms, got ${inputNorms.length}`)
  const scores = new Float64Array(weight.data.length)
  for (let row = 0; row < scores.length; row += cols)
    for (let j = 0; j < cols; j++) scores[row + j] = Math.abs(weight.data[row + j]!) * inputNorms[j]!
  return scores
}

/** Which weights go. They are compared within their output row: across rows is clearly worse on language models. */
export function wandaMask(
  weight: TensorF32,
  inputNorms: Float64Array,
  { sparsity = 0.5, pattern }: { readonly sparsity?: number; readonly pattern?: Pattern | undefined },
): Uint8Array {
  const cols = weight.shape[1]!
  const scores = wandaScores(weight, inputNorms)
  return pattern ? smallestPerPattern(scores, cols, pattern) : smallestPerRow(scores, cols, sparsity)
}

export const wanda: WeightMethod<PruneOptions> = {
  kind: 'weight',
  name: 'wanda',
  title: 'Wanda: pruning by weights and activations',
  paper: 'arXiv:2306.11695',
  options: z.strictObject(pruneFields),
  needs: () => ['sumSquares'],
  async compress(layers, statistics, options, context) {
    const norms = requireStatistic(statistics, 'sumSquares', context).map(Math.sqrt)
    const pattern = patternOf(options)
    const out = new Map<string, Weight>()
    for (const [name, weight] of layers) {
      assertFinite(`${context.name} ${name}`, weight)
      const removed = wandaMask(weight, norms, { sparsity: options.sparsity, pattern })
      out.set(name, prunedWeight(name, weight, removed, { dtype: options.dtype, pattern }))
    }
    return out
  },
  bitsPerWeight(shape, options) {
    const pattern = patternOf(options)
    const perRow = pattern ? patternCount(shape[1], pattern) : Math.floor(options.sparsity * shape[1])
    return prunedBits(shape, shape[0] * perRow, options)
  },
}
