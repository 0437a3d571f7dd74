import type { Family } from './family.ts'
import { llama } from './llama.ts'
import { qwenWindowed } from './qwen2.ts'

/** SmolLM3: LLaMA without rotation on every fourth layer. In `no_rope_layers`, 1 means that the layer does rotate. */
export const smollm3: Family = {
  ...llama,
  name: 'smollm3',
  modelTypes: ['smollm3'],
  defaults: {
    ...llama.defaults,
    max_position_embeddings: 32768,
    num_key_value_heads: 4,
    tie_word_embeddings: true,
    rope_theta: 2e6,
    no_rope_layer_interval: 4,
  },
  windowed: qwenWindowed,
  layer(raw, index) {
    const rotates = raw.no_rope_layers
      ? raw.no_rope_layers[index] === 1
      : (index + 1) % raw.no_rope_layer_interval! !== 0
    return { rope: rotates ? 'full' : 'none' }
  },
}
