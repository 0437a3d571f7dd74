import type { RawConfig } from '../config-keys.ts'
import type { Family } from './family.ts'
import { llama, llamaBlock } from './llama.ts'

/** Qwen switches windows on by `use_sliding_window`, then from layer `max_window_layers` on unless the layers are listed. */
export const qwenWindowed = (raw: RawConfig, index: number): boolean =>
  raw.use_sliding_window === true &&
  (raw.layer_types ? raw.layer_types[index] === 'sliding_attention' : index >= (raw.max_window_layers ?? 28))

/** Qwen2 (2407.10671): q, k and v have biases that the configuration never mentions. */
export const qwen2: Family = {
  ...llama,
  name: 'qwen2',
  modelTypes: ['qwen2'],
  defaults: { ...llama.defaults, max_position_embeddings: 32768, sliding_window: 4096 },
  windowed: qwenWindowed,
  block: (t, x, layer) => llamaBlock(t, x, layer, { qkvBias: true, outputBias: false }),
}
