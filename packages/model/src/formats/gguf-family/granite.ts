import { type Config, headsOf, numberField } from '../config-fields.ts'
import { ggufF32, numberOf } from '../gguf-value.ts'
import { biases, type GgufFamily, type GgufKey, unsupported } from './family.ts'
import { llama } from './llama.ts'

export const granite: GgufFamily = {
  ...llama,
  arch: 'granite',
  modelTypes: ['granite'],
  architecture: 'GraniteForCausalLM',
  unevenArch: undefined,
  keys,
  fields: stored => ({
    ...stored.shape,
    ...stored.rope,
    hidden_act: 'silu',
    attention_multiplier: numberOf(stored.get('attention.scale')) ?? stored.shape.head_dim! ** -0.5,
    embedding_multiplier: numberOf(stored.get('embedding_scale')) ?? 1,
    residual_multiplier: numberOf(stored.get('residual_scale')) ?? 1,
    logits_scaling: numberOf(stored.get('logit_scale')) ?? 1,
    ...biases(stored),
  }),
}

function keys(family: GgufFamily, config: Config): GgufKey[] {
  const { heads, headDim } = headsOf(config)
  if (headDim * heads !== config.hidden_size)
    throw unsupported(family, `head_dim ${headDim}`, 'it uses hidden_size / heads')
  const fields: readonly [string, string][] = [
    ['attention_multiplier', 'attention.scale'],
    ['embedding_multiplier', 'embedding_scale'],
    ['residual_multiplier', 'residual_scale'],
    ['logits_scaling', 'logit_scale'],
  ]
  return fields.map(([field, key]) => [key, ggufF32(numberField(config, field, 1))])
}
