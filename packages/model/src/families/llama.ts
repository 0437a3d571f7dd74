import type { Node } from '@sinter/tensor-core'
import type { LayerConfig } from '../config.ts'
import type { Family, TensorNames } from './family.ts'
import { type AttentionParts, gatedMlp, residual, rms, selfAttention } from './parts.ts'
import type { Tracer } from './tracer.ts'

/** Names that most families share with LLaMA. */
export const llamaNames: TensorNames = {
  prefixes: ['model.', ''],
  embedding: 'embed_tokens.weight',
  blocks: 'layers.',
  head: 'lm_head.weight',
}

/** Separate projections, as LLaMA names them. */
export const llamaAttention = (t: Tracer): AttentionParts => ({
  projections: { kind: 'separate', q: 'self_attn.q_proj', k: 'self_attn.k_proj', v: 'self_attn.v_proj' },
  output: 'self_attn.o_proj',
  qkvBias: t.config.attentionBias,
  outputBias: t.config.attentionBias,
})

/** Norm before attention, norm before the gated MLP; `attention` says what is special about the former. */
export function llamaBlock(t: Tracer, x: Node, layer: LayerConfig, attention: Partial<AttentionParts> = {}): Node {
  const parts = { ...llamaAttention(t), ...attention }
  const middle = residual(t, x, selfAttention(t, rms(t, x, 'input_layernorm'), layer, parts))
  return residual(t, middle, gatedMlp(t, rms(t, middle, 'post_attention_layernorm')))
}

/** Llama 1 to 3 (2302.13971) and the many that share its configuration class. */
export const llama: Family = {
  name: 'llama',
  modelTypes: ['llama'],
  tensors: llamaNames,
  defaults: { hidden_act: 'silu', norm_eps: 1e-6, tie_word_embeddings: false, max_position_embeddings: 2048 },
  block: (t, x, layer) => llamaBlock(t, x, layer),
  headInput: (t, x) => rms(t, x, 'norm'),
}
