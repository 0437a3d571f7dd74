import { add } from '@sinter/tensor-core'
import type { Family } from './family.ts'
import { layer, plainMlp, selfAttention } from './parts.ts'

/** GPT-NeoX and Pythia (2204.06745): partial rotation, q, k, v interleaved by head, attention and MLP often in parallel. */
export const gptNeox: Family = {
  name: 'gpt_neox',
  modelTypes: ['gpt_neox'],
  tensors: {
    prefixes: ['gpt_neox.', ''],
    embedding: 'embed_in.weight',
    blocks: 'layers.',
    head: 'embed_out.weight',
  },
  defaults: {
    hidden_act: 'gelu',
    norm_eps: 1e-5,
    tie_word_embeddings: false,
    max_position_embeddings: 2048,
    partial_rotary_factor: 0.25,
  },
  facts: raw => ({
    attentionBias: raw.attention_bias ?? true,
    mlpBias: true,
    parallelResidual: raw.use_parallel_residual ?? true,
  }),
  block(t, x, config) {
    const mixed = selfAttention(t, layer(t, x, 'input_layernorm'), config, {
      projections: { kind: 'byHead', qkv: 'attention.query_key_value' },
      output: 'attention.dense',
      qkvBias: t.config.attentionBias,
      outputBias: t.config.attentionBias,
    })
    const middle = add(x, mixed)
    const entering = t.config.parallelResidual ? x : middle
    const mlp = plainMlp(t, layer(t, entering, 'post_attention_layernorm'), 'mlp.dense_h_to_4h', 'mlp.dense_4h_to_h')
    return add(middle, mlp)
  },
  headInput: (t, x) => layer(t, x, 'final_layer_norm'),
}
