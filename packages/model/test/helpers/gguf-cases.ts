import { f32, type Tensor, type TensorF32, toF32 } from '@sinter/tensor-core'
import type { Config } from '../../src/formats/config-fields.ts'
import type { GgufCheckpoint } from '../../src/formats/gguf-convert.ts'
import type { Checkpoint } from '../../src/formats/hf-directory.ts'

/** A checkpoint whose tensors are changed as they are read. */
function changed(
  checkpoint: Checkpoint,
  config: Config,
  change: (name: string, value: TensorF32) => TensorF32,
): GgufCheckpoint {
  const { source } = checkpoint
  const read = async (name: string): Promise<Tensor> => change(name, toF32(await source.read(name)))
  return { config: { ...checkpoint.config, ...config }, source: { names: source.names, info: source.info, read } }
}

const scaled = (t: TensorF32, factor: number, offset = 0): TensorF32 =>
  f32(
    t.shape,
    t.data.map(v => (v + offset) * factor - offset),
  )

export interface Case {
  readonly name: string
  /** Largest difference of a logit. Recorded floats are good to about 2e-5. */
  readonly tolerance?: number
  /** Only the first positions, where a window does not bite yet. */
  readonly positions?: number
  readonly note?: string
  /** The same function, put so that llama.cpp can compute it. */
  readonly adapt?: (checkpoint: Checkpoint) => GgufCheckpoint
}

/** ggml looks gelu up in a table of half floats. */
const gelu = 5e-3
export const cases: readonly Case[] = [
  { name: 'llama-gqa' },
  { name: 'llama-bf16' },
  { name: 'llama-f16' },
  { name: 'llama-sharded' },
  { name: 'llama-tied-copy' },
  { name: 'llama-rope-linear' },
  { name: 'llama-rope-llama3' },
  { name: 'llama-rope-yarn' },
  { name: 'mistral-sliding', positions: 8, note: 'beyond 8 tokens (sliding_window) its results differ' },
  { name: 'qwen2-tied' },
  { name: 'qwen2-sliding', positions: 7, note: 'beyond 7 tokens (sliding_window) its results differ' },
  { name: 'qwen3-tied' },
  {
    // llama.cpp divides scores by the root of the head's width, 12, not 9: the difference goes into q.
    name: 'gemma2-softcap',
    tolerance: gelu,
    adapt: c =>
      changed(c, { query_pre_attn_scalar: 12 }, (name, t) =>
        name.endsWith('q_proj.weight') ? scaled(t, Math.sqrt(12 / 9)) : t,
      ),
  },
  {
    name: 'gemma3-linear-global',
    tolerance: gelu,
    adapt: c =>
      changed(c, { query_pre_attn_scalar: 12 }, (name, t) =>
        name.endsWith('q_norm.weight') ? scaled(t, Math.sqrt(12 / 10), 1) : t,
      ),
  },
  { name: 'phi3-longrope-long' },
  { name: 'phi3-sliding-partial', positions: 7, note: 'beyond 7 tokens (sliding_window) its results differ' },
  { name: 'smollm3-nope', adapt: withIdleLayer },
  { name: 'olmo2' },
  { name: 'granite' },
  { name: 'gpt2', tolerance: gelu },
  { name: 'gpt_neox-parallel', tolerance: gelu, note: 'computes gelu by its tanh approximation' },
]

/** The recorded model skips rope in its third layer, llama.cpp in the fourth: a layer that adds nothing moves it there. */
function withIdleLayer(checkpoint: Checkpoint): GgufCheckpoint {
  const { source } = checkpoint
  const from = (name: string): string => name.replace('layers.3.', 'layers.2.')
  const extra = source
    .names()
    .filter(name => name.includes('layers.2.'))
    .map(name => name.replace('layers.2.', 'layers.3.'))
  const read = async (name: string): Promise<Tensor> => {
    const value = toF32(await source.read(from(name)))
    return /layers\.2\..*(o_proj|down_proj)/.test(name) ? scaled(value, 0) : value
  }
  return {
    config: { ...checkpoint.config, num_hidden_layers: 4, no_rope_layers: [1, 1, 1, 0], layer_types: null },
    source: { names: () => [...source.names(), ...extra], info: name => source.info(from(name)), read },
  }
}
