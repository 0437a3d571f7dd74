import type { Node } from '@sinter/tensor-core'
import type { LayerConfig } from '../config.ts'
import type { Family } from './family.ts'
import { llama, llamaAttention } from './llama.ts'
import { type AttentionParts, gatedMlp, residual, rms, selfAttention } from './parts.ts'
import type { Tracer } from './tracer.ts'

/** Norms before and after attention and MLP, all of them times 1 + w. */
export function gemmaBlock(t: Tracer, x: Node, layer: LayerConfig, attention: Partial<AttentionParts> = {}): Node {
  const mixed = selfAttention(t, rms(t, x, 'input_layernorm', 1), layer, { ...llamaAttention(t), ...attention })
  const middle = residual(t, x, rms(t, mixed, 'post_attention_layernorm', 1))
  const mlp = gatedMlp(t, rms(t, middle, 'pre_feedforward_layernorm', 1))
  return residual(t, middle, rms(t, mlp, 'post_feedforward_layernorm', 1))
}

/** Gemma 2 (2408.00118): windows on every other layer, softcaps on scores and logits. */
export const gemma2: Family = {
  ...llama,
  name: 'gemma2',
  modelTypes: ['gemma2'],
  defaults: {
    hidden_act: 'gelu_pytorch_tanh',
    norm_eps: 1e-6,
    tie_word_embeddings: true,
    max_position_embeddings: 8192,
    head_dim: 256,
    query_pre_attn_scalar: 256,
    sliding_window: 4096,
    attn_logit_softcapping: 50,
    final_logit_softcapping: 30,
  },
  windowed: (raw, index) => (raw.layer_types ? raw.layer_types[index] === 'sliding_attention' : index % 2 === 0),
  layer: raw => ({ attentionScale: raw.query_pre_attn_scalar! ** -0.5 }),
  facts: raw => ({
    embeddingScale: Math.sqrt(raw.hidden_size),
    ...(raw.attn_logit_softcapping != null && { attentionSoftcap: raw.attn_logit_softcapping }),
    ...(raw.final_logit_softcapping != null && { logitSoftcap: raw.final_logit_softcapping }),
  }),
  block: (t, x, layer) => gemmaBlock(t, x, layer),
  headInput: (t, x) => rms(t, x, 'norm', 1),
}
