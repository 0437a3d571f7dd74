import type { Config } from '../config-fields.ts'
import { type GgufFamily, unsupported } from './family.ts'
import { llama } from './llama.ts'

export const gpt2: GgufFamily = {
  ...llama,
  arch: 'gpt2',
  modelTypes: ['gpt2'],
  architecture: 'GPT2LMHeadModel',
  root: [
    ['transformer.wte', 'token_embd'],
    ['transformer.wpe', 'position_embd'],
    ['transformer.ln_f', 'output_norm'],
    ['lm_head', 'output'],
  ],
  block: [
    ['ln_1', 'attn_norm'],
    ['attn.c_attn', 'attn_qkv'],
    ['attn.c_proj', 'attn_output'],
    ['ln_2', 'ffn_norm'],
    ['mlp.c_fc', 'ffn_up'],
    ['mlp.c_proj', 'ffn_down'],
  ],
  layers: 'transformer.h.',
  outerName: 'transformer.',
  interleavedRope: false,
  norm: 'layer',
  transposed: ['attn.c_attn', 'attn.c_proj', 'mlp.c_fc', 'mlp.c_proj'],
  tiedByDefault: true,
  unevenArch: undefined,
  activations: ['gelu_new', 'gelu_pytorch_tanh', 'gelu_fast', 'gelu'],
  rope: undefined,
  keys(family, config) {
    checkScale(family, config)
    return []
  },
  fields: ({ shape }) => ({
    n_layer: shape.num_hidden_layers,
    n_positions: shape.max_position_embeddings,
    n_embd: shape.hidden_size,
    n_inner: shape.intermediate_size,
    n_head: shape.num_attention_heads,
    layer_norm_epsilon: shape.layer_norm_eps,
    activation_function: 'gelu_new',
  }),
}

function checkScale(family: GgufFamily, config: Config): void {
  const why = 'it divides scores by the root of the width of a head'
  if (config.scale_attn_weights === false) throw unsupported(family, 'scale_attn_weights false', why)
  if (config.scale_attn_by_inverse_layer_idx === true) throw unsupported(family, 'scale_attn_by_inverse_layer_idx', why)
}
