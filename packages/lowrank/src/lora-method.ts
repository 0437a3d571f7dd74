import { type LowRankFactors, layerMatches, type TrainMethod } from '@sinter/model'
import { createRng, type TensorF32 } from '@sinter/tensor-core'
import { z } from 'zod'
import { initialLora, loraA, loraB, loraRewrite, makeUpFor, mergeLora } from './lora.ts'
import { alphaOption, MAX_RANK, targetLayers, targetsOption } from './targets.ts'

export interface LoraMethodOptions {
  readonly rank: number
  readonly alpha: number
  readonly targets: readonly string[]
  /** What the adapter is at first. Default: zero. */
  readonly initial?: 'zero' | 'error' | undefined
}

/** Low-rank adapters beside frozen linear layers. */
export const lora: TrainMethod<LoraMethodOptions> = {
  kind: 'train',
  name: 'lora',
  title: 'LoRA',
  paper: 'arXiv:2106.09685',
  options: z.strictObject({
    rank: z.int().min(1).max(MAX_RANK).default(16).describe('Width of the adapter.'),
    alpha: alphaOption,
    targets: targetsOption,
    initial: z
      .enum(['zero', 'error'])
      .default('zero')
      .describe(
        'What the adapter is at first: nothing, or what comes closest to the error of a rounded backbone, weighed by what enters the layer.',
      ),
  }),
  needs: () => [],
  async setUp(model, { rank, alpha, targets, initial }, { seed }) {
    const rng = createRng(seed)
    const parameters = new Map<string, TensorF32>()
    const adapter = new Map<string, LowRankFactors>()
    for (const { stored, shape } of targetLayers(model, targets, 'lora')) {
      const { a, b } = initialLora(shape, rank, rng)
      parameters.set(loraA(stored), a).set(loraB(stored), b)
      adapter.set(stored, { a, b, scale: alpha / rank })
    }
    return {
      rewrite: loraRewrite({ rank, alpha, targets: name => layerMatches(name, targets) }),
      parameters,
      merge(layer, weight) {
        const factors = adapter.get(layer)
        return factors && mergeLora(weight, factors)
      },
      adapter: () => adapter,
      ...(initial === 'error' && {
        async makeUp(layer, weight, rounded, gram) {
          const factors = adapter.get(layer)
          if (factors) await makeUpFor(factors, weight, rounded, gram, rng)
        },
      }),
    }
  },
}
