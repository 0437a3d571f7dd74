import type { GgufFamily } from './family.ts'
import { llama, qkNorms } from './llama.ts'

export const qwen2: GgufFamily = {
  ...llama,
  arch: 'qwen2',
  modelTypes: ['qwen2'],
  architecture: 'Qwen2ForCausalLM',
  interleavedRope: false,
  unevenArch: undefined,
  rope: { tables: [] },
  fields: ({ shape, rope, has }) => ({
    ...shape,
    ...rope,
    hidden_act: 'silu',
    use_sliding_window: false,
    attention_bias: has('blk.0.attn_q.bias'),
  }),
}

export const qwen3: GgufFamily = {
  ...qwen2,
  arch: 'qwen3',
  modelTypes: ['qwen3'],
  architecture: 'Qwen3ForCausalLM',
  block: [...qwen2.block, ...qkNorms],
}
