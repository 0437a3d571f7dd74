import { assertFinite, type WeightMethod } from '@sinter/model'
import { maskSmallest, type Pattern, type TensorF32, type Weight } from '@sinter/tensor-core'
import { z } from 'zod'
import { patternCount, smallestPerPattern, smallestPerRow } from './masks.ts'
import { type PruneOptions, patternOf, pruneFields } from './options.ts'
import { prunedBits, prunedWeight } from './pruned-weight.ts'

export interface MagnitudeOptions extends PruneOptions {
  /** Among which weights the smallest are sought. */
  readonly scope: 'layer' | 'row'
}

/** Which weights go: 1 at the smallest |w|, `[out, in]`. A pattern overrides sparsity and scope. */
export function magnitudeMask(
  weight: TensorF32,
  options: { readonly sparsity?: number; readonly scope?: 'layer' | 'row'; readonly pattern?: Pattern | undefined },
): Uint8Array {
  const { sparsity = 0.5, scope = 'layer', pattern } = options
  const cols = weight.shape[1]!
  const scores = weight.data.map(Math.abs)
  if (pattern) return smallestPerPattern(scores, cols, pattern)
  return scope === 'row'
    ? smallestPerRow(scores, cols, sparsity)
    : maskSmallest(scores, Math.floor(sparsity * scores.length))
}

/** Elements that a mask of this kind removes. */
function removedCount([rows, cols]: readonly [number, number], options: MagnitudeOptions): number {
  const pattern = patternOf(options)
  if (pattern) return rows * patternCount(cols, pattern)
  const { sparsity, scope } = options
  return scope === 'row' ? rows * Math.floor(sparsity * cols) : Math.floor(sparsity * rows * cols)
}

export const magnitude: WeightMethod<MagnitudeOptions> = {
  kind: 'weight',
  name: 'magnitude',
  title: 'Magnitude pruning',
  paper: 'arXiv:1506.02626',
  options: z.strictObject({
    ...pruneFields,
    scope: z
      .enum(['layer', 'row'])
      .default('layer')
      .describe('Compare weights within the whole matrix, or within each output row.'),
  }),
  needs: () => [],
  async compress(layers, _, options, context) {
    const pattern = patternOf(options)
    const out = new Map<string, Weight>()
    for (const [name, weight] of layers) {
      assertFinite(`${context.name} ${name}`, weight)
      const removed = magnitudeMask(weight, { ...options, pattern })
      out.set(name, prunedWeight(name, weight, removed, { dtype: options.dtype, pattern }))
    }
    return out
  },
  bitsPerWeight: (shape, options) => prunedBits(shape, removedCount(shape, options), options),
}
