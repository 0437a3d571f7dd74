import type { Family } from './family.ts'
import { llama } from './llama.ts'

/** Mistral 7B (2310.06825): LLaMA with a window on every layer; `layer_types` does not count here. */
export const mistral: Family = {
  ...llama,
  name: 'mistral',
  modelTypes: ['mistral'],
  defaults: { ...llama.defaults, max_position_embeddings: 131072, num_key_value_heads: 8, sliding_window: 4096 },
  windowed: () => true,
}
