import type { Family } from './family.ts'
import { layer, plainMlp, residual, selfAttention } from './parts.ts'

/** GPT-2: learned positions, q, k, v in one linear; its "Conv1D" layers keep matrices as [in, out]. */
export const gpt2: Family = {
  name: 'gpt2',
  modelTypes: ['gpt2'],
  tensors: {
    prefixes: ['transformer.', ''],
    embedding: 'wte.weight',
    positions: { name: 'wpe.weight', offset: 0 },
    blocks: 'h.',
    head: 'lm_head.weight',
  },
  defaults: { hidden_act: 'gelu_new', norm_eps: 1e-5, tie_word_embeddings: true, max_position_embeddings: 1024 },
  rotary: false,
  layer(raw, index) {
    const scale = raw.scale_attn_weights === false ? 1 : Math.sqrt(raw.num_attention_heads / raw.hidden_size)
    return { attentionScale: raw.scale_attn_by_inverse_layer_idx ? scale / (index + 1) : scale }
  },
  facts: () => ({ attentionBias: true, mlpBias: true }),
  transposed: ['attn.c_attn.weight', 'attn.c_proj.weight', 'mlp.c_fc.weight', 'mlp.c_proj.weight'],
  block(t, x, config) {
    const mixed = selfAttention(t, layer(t, x, 'ln_1'), config, {
      projections: { kind: 'thirds', qkv: 'attn.c_attn' },
      output: 'attn.c_proj',
      qkvBias: true,
      outputBias: true,
    })
    const middle = residual(t, x, mixed)
    return residual(t, middle, plainMlp(t, layer(t, middle, 'ln_2'), 'mlp.c_fc', 'mlp.c_proj'))
  },
  headInput: (t, x) => layer(t, x, 'ln_f'),
}
