import { biases, type GgufFamily, type Names, noteWindow } from './family.ts'

export const attention: Names = [
  ['self_attn.q_proj', 'attn_q'],
  ['self_attn.k_proj', 'attn_k'],
  ['self_attn.v_proj', 'attn_v'],
  ['self_attn.o_proj', 'attn_output'],
]
export const qkNorms: Names = [
  ['self_attn.q_norm', 'attn_q_norm'],
  ['self_attn.k_norm', 'attn_k_norm'],
]
export const mlp: Names = [
  ['mlp.gate_proj', 'ffn_gate'],
  ['mlp.up_proj', 'ffn_up'],
  ['mlp.down_proj', 'ffn_down'],
]
export const preNorms: Names = [
  ['input_layernorm', 'attn_norm'],
  ['post_attention_layernorm', 'ffn_norm'],
]

/** The one that others are told from. */
export const llama: GgufFamily = {
  arch: 'llama',
  modelTypes: ['llama', 'mistral'],
  architecture: 'LlamaForCausalLM',
  root: [
    ['model.embed_tokens', 'token_embd'],
    ['model.norm', 'output_norm'],
    ['lm_head', 'output'],
  ],
  block: [...preNorms, ...attention, ...mlp],
  layers: 'model.layers.',
  interleavedRope: true,
  normOffset: 0,
  norm: 'rms',
  transposed: [],
  headwiseQkv: false,
  needsOutput: false,
  neverOutput: false,
  tiedByDefault: false,
  unevenArch: 'deci',
  activations: ['silu', 'swish'],
  partialRope: false,
  rope: { tables: ['llama3', 'longrope'] },
  keys(family, config, notes) {
    noteWindow(family, config, notes)
    return []
  },
  fields: stored => ({ ...stored.shape, ...stored.rope, hidden_act: 'silu', ...biases(stored) }),
}

/** LLaMA whose blocks have numbers of heads and widths of their own, as pruning leaves them. */
export const deci: GgufFamily = { ...llama, arch: 'deci' }
