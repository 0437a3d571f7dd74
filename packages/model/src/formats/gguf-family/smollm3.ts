import { type Config, numberField } from '../config-fields.ts'
import { biases, type GgufFamily, noteWindow, unsupported } from './family.ts'
import { llama } from './llama.ts'

export const smollm3: GgufFamily = {
  ...llama,
  arch: 'smollm3',
  modelTypes: ['smollm3'],
  architecture: 'SmolLM3ForCausalLM',
  unevenArch: undefined,
  rope: { tables: [] },
  keys(family, config, notes) {
    checkRotatedLayers(family, config)
    noteWindow(family, config, notes)
    return []
  },
  fields: stored => ({
    ...stored.shape,
    ...stored.rope,
    hidden_act: 'silu',
    no_rope_layers: Array.from({ length: stored.shape.num_hidden_layers! }, (_, i) => Number((i + 1) % 4 !== 0)),
    ...biases(stored),
  }),
}

/** llama.cpp leaves rotary positions out of every fourth layer, whatever the config says. */
function checkRotatedLayers(family: GgufFamily, config: Config): void {
  const stored = config.no_rope_layers
  if (!Array.isArray(stored)) {
    const interval = numberField(config, 'no_rope_layer_interval')
    if (interval !== 4) throw unsupported(family, `no_rope_layer_interval ${interval}`, 'it has 4')
    return
  }
  const expected = stored.every((rotates, i) => Boolean(rotates) === ((i + 1) % 4 !== 0))
  if (!expected) throw unsupported(family, `no_rope_layers [${stored}]`, 'it leaves rope out of every fourth layer')
}
