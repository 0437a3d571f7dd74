import type { Family } from './family.ts'
import { llama } from './llama.ts'

/** Granite: LLaMA with multipliers on embedding, attention, residual and logits. */
export const granite: Family = {
  ...llama,
  name: 'granite',
  modelTypes: ['granite'],
  defaults: {
    ...llama.defaults,
    embedding_multiplier: 1,
    residual_multiplier: 1,
    attention_multiplier: 1,
    logits_scaling: 1,
  },
  layer: raw => ({ attentionScale: raw.attention_multiplier! }),
  facts: raw => ({
    embeddingScale: raw.embedding_multiplier!,
    residualScale: raw.residual_multiplier!,
    logitDivisor: raw.logits_scaling!,
  }),
}
