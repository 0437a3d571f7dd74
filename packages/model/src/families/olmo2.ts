import type { Family } from './family.ts'
import { llama, llamaAttention } from './llama.ts'
import { gatedMlp, residual, rms, selfAttention } from './parts.ts'

/** OLMo 2 (2501.00656): norms after attention and MLP, none before; queries and keys normed over the whole projection. */
export const olmo2: Family = {
  ...llama,
  name: 'olmo2',
  modelTypes: ['olmo2'],
  defaults: { ...llama.defaults, norm_eps: 1e-5 },
  block(t, x, layer) {
    const mixed = selfAttention(t, x, layer, {
      ...llamaAttention(t),
      qkNorm: { per: 'whole', q: 'self_attn.q_norm', k: 'self_attn.k_norm' },
    })
    const middle = residual(t, x, rms(t, mixed, 'post_attention_layernorm'))
    return residual(t, middle, rms(t, gatedMlp(t, middle), 'post_feedforward_layernorm'))
  },
}
