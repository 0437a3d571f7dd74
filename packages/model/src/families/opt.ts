import type { Family } from './family.ts'
import { llamaAttention } from './llama.ts'
import { layer, plainMlp, residual, selfAttention } from './parts.ts'

/** OPT (2205.01068): positions from row 2 on; OPT-350m norms after each addition and projects its narrower embedding. */
export const opt: Family = {
  name: 'opt',
  modelTypes: ['opt'],
  tensors: {
    prefixes: ['model.decoder.', 'decoder.', ''],
    embedding: 'embed_tokens.weight',
    positions: { name: 'embed_positions.weight', offset: 2 },
    projectIn: 'project_in.weight',
    blocks: 'layers.',
    head: 'lm_head.weight',
  },
  defaults: { hidden_act: 'relu', norm_eps: 1e-5, tie_word_embeddings: true, max_position_embeddings: 2048 },
  rotary: false,
  facts(raw) {
    const preNorm = raw.do_layer_norm_before ?? true
    const bias = raw.enable_bias ?? true
    return { preNorm, attentionBias: bias, mlpBias: bias, finalNorm: preNorm && !raw._remove_final_layer_norm }
  },
  block(t, x, config) {
    const { preNorm } = t.config
    const parts = { ...llamaAttention(t), output: 'self_attn.out_proj' }
    const before = (y: typeof x, name: string) => (preNorm ? layer(t, y, name) : y)
    const after = (y: typeof x, name: string) => (preNorm ? y : layer(t, y, name))
    const mixed = selfAttention(t, before(x, 'self_attn_layer_norm'), config, parts)
    const middle = after(residual(t, x, mixed), 'self_attn_layer_norm')
    const mlp = plainMlp(t, before(middle, 'final_layer_norm'), 'fc1', 'fc2')
    return after(residual(t, middle, mlp), 'final_layer_norm')
  },
  headInput(t, x) {
    const y = t.config.finalNorm ? layer(t, x, 'final_layer_norm') : x
    const { embeddingSize, hiddenSize } = t.config
    return embeddingSize === hiddenSize ? y : t.linear(y, 'project_out', embeddingSize, false)
  },
}
