import { numberField, optionalNumber } from '../config-fields.ts'
import { ggufU32, numberOf } from '../gguf-value.ts'
import { type GgufFamily, noteWindow } from './family.ts'
import { llama, preNorms } from './llama.ts'

const ORIGINAL = 'original_max_position_embeddings'

export const phi3: GgufFamily = {
  ...llama,
  arch: 'phi3',
  modelTypes: ['phi3'],
  architecture: 'Phi3ForCausalLM',
  block: [
    ...preNorms,
    ['self_attn.qkv_proj', 'attn_qkv'],
    ['self_attn.o_proj', 'attn_output'],
    ['mlp.gate_up_proj', 'ffn_up'],
    ['mlp.down_proj', 'ffn_down'],
  ],
  interleavedRope: false,
  unevenArch: undefined,
  partialRope: true,
  rope: { tables: ['longrope'] },
  keys(family, config, notes) {
    noteWindow(family, config, notes)
    const original = optionalNumber(config, ORIGINAL) === undefined ? undefined : numberField(config, ORIGINAL)
    return [
      ['attention.sliding_window', ggufU32(optionalNumber(config, 'sliding_window') ?? 0)],
      ...(original === undefined ? [] : [['rope.scaling.original_context_length', ggufU32(original)] as const]),
    ]
  },
  fields({ get, shape, rope }) {
    const dims = numberOf(get('rope.dimension_count')) ?? shape.head_dim!
    return {
      ...shape,
      ...rope,
      hidden_act: 'silu',
      partial_rotary_factor: dims / shape.head_dim!,
      [ORIGINAL]: numberOf(get('rope.scaling.original_context_length')) ?? shape.max_position_embeddings,
      sliding_window: numberOf(get('attention.sliding_window')) || null,
    }
  },
}
