import type { RawConfig } from '../config-keys.ts'
import { readRope } from '../config-rope.ts'
import type { Rope } from '../rope.ts'
import type { Family } from './family.ts'
import { gemma2, gemmaBlock } from './gemma2.ts'
import { llamaNames } from './llama.ts'

/**
 * The text model of Gemma 3 (2503.19786): five windowed layers to a full one, each kind with a rotary table of its own;
 * queries and keys normed head by head. `attn_logit_softcapping` does not count here.
 */
export const gemma3: Family = {
  ...gemma2,
  name: 'gemma3',
  modelTypes: ['gemma3_text', 'gemma3'],
  tensors: { ...llamaNames, prefixes: ['model.', 'language_model.model.', 'model.language_model.', ''] },
  defaults: {
    ...gemma2.defaults,
    max_position_embeddings: 131072,
    rope_theta: 1e6,
    rope_local_base_freq: 1e4,
    sliding_window_pattern: 6,
    final_logit_softcapping: null,
  },
  windowed: (raw, index) =>
    raw.layer_types ? raw.layer_types[index] === 'sliding_attention' : (index + 1) % raw.sliding_window_pattern! !== 0,
  layer: (raw, _index, windowed) => ({
    attentionScale: raw.query_pre_attn_scalar! ** -0.5,
    rope: windowed ? 'local' : 'full',
  }),
  facts: (raw, headDim) => ({
    embeddingScale: Math.sqrt(raw.hidden_size),
    ...(raw.final_logit_softcapping != null && { logitSoftcap: raw.final_logit_softcapping }),
    localRope: localRope(raw, headDim),
  }),
  block: (t, x, layer) =>
    gemmaBlock(t, x, layer, { qkNorm: { per: 'head', q: 'self_attn.q_norm', k: 'self_attn.k_norm', offset: 1 } }),
}

/** Earlier files scale only the full layers' table and name the windowed layers' base apart. */
function localRope(raw: RawConfig, headDim: number): Rope {
  if (raw.rope_parameters) return readRope(raw, headDim, 'sliding_attention')
  const { rope_scaling: _, ...unscaled } = raw
  return readRope({ ...unscaled, rope_theta: raw.rope_local_base_freq }, headDim, 'sliding_attention')
}
