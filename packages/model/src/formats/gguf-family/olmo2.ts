import type { GgufFamily } from './family.ts'
import { attention, llama, mlp, qkNorms } from './llama.ts'

export const olmo2: GgufFamily = {
  ...llama,
  arch: 'olmo2',
  modelTypes: ['olmo2'],
  architecture: 'Olmo2ForCausalLM',
  block: [
    ['post_attention_layernorm', 'post_attention_norm'],
    ['post_feedforward_layernorm', 'post_ffw_norm'],
    ...attention,
    ...qkNorms,
    ...mlp,
  ],
  interleavedRope: false,
  needsOutput: true,
  unevenArch: undefined,
  rope: { tables: [] },
}
