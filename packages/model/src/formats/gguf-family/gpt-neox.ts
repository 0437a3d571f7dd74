import { boolOf, ggufBool, numberOf } from '../gguf-value.ts'
import type { GgufFamily } from './family.ts'
import { llama } from './llama.ts'

export const gptNeox: GgufFamily = {
  ...llama,
  arch: 'gptneox',
  modelTypes: ['gpt_neox'],
  architecture: 'GPTNeoXForCausalLM',
  root: [
    ['gpt_neox.embed_in', 'token_embd'],
    ['gpt_neox.final_layer_norm', 'output_norm'],
    ['embed_out', 'output'],
  ],
  block: [
    ['input_layernorm', 'attn_norm'],
    ['attention.query_key_value', 'attn_qkv'],
    ['attention.dense', 'attn_output'],
    ['post_attention_layernorm', 'ffn_norm'],
    ['mlp.dense_h_to_4h', 'ffn_up'],
    ['mlp.dense_4h_to_h', 'ffn_down'],
  ],
  layers: 'gpt_neox.layers.',
  interleavedRope: false,
  norm: 'layer',
  headwiseQkv: true,
  needsOutput: true,
  unevenArch: undefined,
  activations: ['gelu', 'gelu_new', 'gelu_fast', 'gelu_pytorch_tanh'],
  partialRope: true,
  rope: { tables: [] },
  keys: (_, config) => [['use_parallel_residual', ggufBool(config.use_parallel_residual !== false)]],
  fields: ({ get, has, shape, rope }) => ({
    ...shape,
    ...rope,
    hidden_act: 'gelu',
    rotary_pct: (numberOf(get('rope.dimension_count')) ?? shape.head_dim!) / shape.head_dim!,
    use_parallel_residual: boolOf(get('use_parallel_residual')) ?? true,
    attention_bias: has('blk.0.attn_qkv.bias'),
  }),
}
