import type { Family } from './family.ts'
import { llama } from './llama.ts'
import { fusedGatedMlp, residual, rms, selfAttention } from './parts.ts'

/** Phi-3 (2404.14219): LLaMA with q, k, v in one linear and gate, up in another. */
export const phi3: Family = {
  ...llama,
  name: 'phi3',
  modelTypes: ['phi3'],
  defaults: { ...llama.defaults, norm_eps: 1e-5, max_position_embeddings: 4096, sliding_window: null },
  windowed: () => true,
  block(t, x, layer) {
    const mixed = selfAttention(t, rms(t, x, 'input_layernorm'), layer, {
      projections: { kind: 'thirds', qkv: 'self_attn.qkv_proj' },
      output: 'self_attn.o_proj',
      qkvBias: false,
      outputBias: false,
    })
    const middle = residual(t, x, mixed)
    return residual(t, middle, fusedGatedMlp(t, rms(t, middle, 'post_attention_layernorm')))
  },
}
