import type { Family } from './family.ts'
import { llamaBlock } from './llama.ts'
import { qwen2 } from './qwen2.ts'

/** Qwen3 (2505.09388): queries and keys are normed head by head. */
export const qwen3: Family = {
  ...qwen2,
  name: 'qwen3',
  modelTypes: ['qwen3'],
  defaults: { ...qwen2.defaults, head_dim: 128 },
  block: (t, x, layer) =>
    llamaBlock(t, x, layer, { qkNorm: { per: 'head', q: 'self_attn.q_norm', k: 'self_attn.k_norm' } }),
}
