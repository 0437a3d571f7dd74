import { layerMatches, SinterError, storedLayers, type TrainMethod } from '@sinter/model'
import { createRng, type TensorF32 } from '@sinter/tensor-core'
import { z } from 'zod'
import { initialLora, loraA, loraB, loraRewrite, mergeLora } from './lora.ts'

export interface LoraMethodOptions {
  readonly rank: number
  readonly alpha: number
  readonly targets: readonly string[]
}

/** Low-rank adapters beside frozen linear layers. */
export const lora: TrainMethod<LoraMethodOptions> = {
  kind: 'train',
  name: 'lora',
  title: 'LoRA',
  paper: 'arXiv:2106.09685',
  options: z.strictObject({
    rank: z.int().min(1).max(4096).default(16).describe('Width of the adapter.'),
    alpha: z.number().positive().default(32).describe('The adapter is multiplied by alpha / rank.'),
    targets: z
      .array(z.string().min(1))
      .default([])
      .describe(
        'Layers that get an adapter, by the end of their names (q_proj, mlp.down_proj). Default: every linear.',
      ),
  }),
  needs: () => [],
  async setUp(model, { rank, alpha, targets }, { seed }) {
    const chosen = storedLayers(model).filter(({ stored }) => layerMatches(stored, targets))
    if (chosen.length === 0)
      throw new SinterError(
        'recipe',
        `lora: targets ${targets.join(', ')} match no layer; the model has ${[...new Set(storedLayers(model).map(l => l.name))].join(', ')}`,
      )
    const rng = createRng(seed)
    const parameters = new Map<string, TensorF32>()
    for (const { stored, shape } of chosen) {
      const { a, b } = initialLora(shape, rank, rng)
      parameters.set(loraA(stored), a).set(loraB(stored), b)
    }
    return {
      rewrite: loraRewrite({ rank, alpha, targets: name => layerMatches(name, targets) }),
      parameters,
      merge(layer, weight) {
        const [a, b] = [parameters.get(loraA(layer)), parameters.get(loraB(layer))]
        return a && b ? mergeLora(weight, { a, b }, { alpha }) : undefined
      },
    }
  },
}
