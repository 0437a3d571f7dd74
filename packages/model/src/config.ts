import { parseConfigKeys, type RawConfig } from './config-keys.ts'
import { readRope } from './config-rope.ts'
import type { Family } from './families/family.ts'
import { FormatError } from './formats/format-error.ts'
import type { Rope } from './rope.ts'

export type Activation = 'silu' | 'gelu' | 'geluTanh' | 'relu' | 'quickGelu'

/** Sizes that a block may have of its own: of a model that was pruned block by block. */
export type BlockShape = Partial<Pick<ModelConfig, 'heads' | 'kvHeads' | 'intermediateSize'>>

/** What differs from block to block. */
export interface LayerConfig {
  /** A query sees this many positions, itself included; absent: all. */
  readonly window?: number
  /** Which of the model's rotary tables turns queries and keys. */
  readonly rope: 'full' | 'local' | 'none'
  /** Multiplies attention scores. */
  readonly attentionScale: number
  /** Sizes that are not the model's. */
  readonly shape?: BlockShape
}

/** The facts of config.json that decide what is computed, in one form for every family and every style of writing. */
export interface ModelConfig {
  /** `model_type` as the file has it. */
  readonly modelType: string
  readonly vocabSize: number
  /** Width of the residual stream. */
  readonly hiddenSize: number
  /** Width of the embedding table; differs from `hiddenSize` where projections lie between (OPT-350m). */
  readonly embeddingSize: number
  readonly intermediateSize: number
  readonly blocks: number
  readonly heads: number
  readonly kvHeads: number
  readonly headDim: number
  /** Longest sequence the model was made for. */
  readonly maxPositions: number
  readonly activation: Activation
  readonly normEpsilon: number
  /** The output embedding is the input embedding. */
  readonly tied: boolean
  readonly attentionBias: boolean
  readonly mlpBias: boolean
  readonly rope?: Rope
  /** Of layers whose `rope` is `local`. */
  readonly localRope?: Rope
  readonly layers: readonly LayerConfig[]
  readonly attentionSoftcap?: number
  readonly logitSoftcap?: number
  /** Embeddings are multiplied by this. */
  readonly embeddingScale: number
  /** What attention and MLP add to the stream is multiplied by this. */
  readonly residualScale: number
  /** Logits are divided by this. */
  readonly logitDivisor: number
  /** Norms before attention and MLP (else after the addition). Only some families have the choice. */
  readonly preNorm: boolean
  /** Attention and MLP read the same stream and are added together. */
  readonly parallelResidual: boolean
  readonly finalNorm: boolean
  readonly bosId?: number
  readonly eosIds: readonly number[]
  /** config.json with the family's defaults, in one spelling. */
  readonly raw: RawConfig
}

const activations: Readonly<Record<string, Activation>> = {
  silu: 'silu',
  swish: 'silu',
  gelu: 'gelu',
  gelu_new: 'geluTanh',
  gelu_fast: 'geluTanh',
  gelu_pytorch_tanh: 'geluTanh',
  relu: 'relu',
  quick_gelu: 'quickGelu',
}

/**
 * Reads a parsed config.json.
 * @throws FormatError `schema` when a key is missing or out of range, `unsupported` for an option that is not computed
 */
export function readConfig(config: Readonly<Record<string, unknown>>, family: Family): ModelConfig {
  const raw = parseConfigKeys(config, family.defaults)
  const sizes = readSizes(raw)
  checkLayerNumbers(raw)
  return {
    modelType: raw.model_type,
    ...sizes,
    activation: readActivation(raw.hidden_act),
    normEpsilon: raw.norm_eps,
    tied: raw.tie_word_embeddings,
    attentionBias: raw.attention_bias ?? false,
    mlpBias: raw.mlp_bias ?? false,
    ...(family.rotary !== false && { rope: readRope(raw, sizes.headDim, 'full_attention') }),
    layers: Array.from({ length: sizes.blocks }, (_, i) => readLayer(raw, family, sizes.headDim, i)),
    embeddingScale: 1,
    residualScale: 1,
    logitDivisor: 1,
    preNorm: true,
    parallelResidual: false,
    finalNorm: true,
    ...tokens(raw),
    raw,
    ...family.facts?.(raw, sizes.headDim),
  }
}

function readSizes(raw: RawConfig) {
  const heads = raw.num_attention_heads
  const kvHeads = raw.num_key_value_heads ?? heads
  const headDim = raw.head_dim ?? raw.hidden_size / heads
  if (!Number.isInteger(headDim))
    throw new FormatError('schema', `config.json: hidden_size ${raw.hidden_size} is not a multiple of ${heads} heads`)
  if (heads % kvHeads !== 0)
    throw new FormatError('schema', `config.json: ${heads} heads are not a multiple of ${kvHeads} key-value heads`)
  return {
    vocabSize: raw.vocab_size,
    hiddenSize: raw.hidden_size,
    embeddingSize: raw.word_embed_proj_dim ?? raw.hidden_size,
    intermediateSize: raw.intermediate_size ?? 4 * raw.hidden_size,
    blocks: raw.num_hidden_layers,
    heads,
    kvHeads,
    headDim,
    maxPositions: raw.max_position_embeddings,
  }
}

/** A layer that is not there would be lost silently; so would its heads' width, once their number no longer tells it. */
function checkLayerNumbers({ per_layer_config: layers, num_hidden_layers: count, head_dim: headDim }: RawConfig): void {
  const beyond = Object.keys(layers ?? {}).find(index => Number(index) >= count)
  if (beyond !== undefined)
    throw new FormatError('schema', `config.json: per_layer_config names layer ${beyond} of ${count}`)
  const ownHeads = Object.values(layers ?? {}).some(own => own.num_attention_heads !== undefined)
  if (ownHeads && headDim == null)
    throw new FormatError(
      'schema',
      'config.json: per_layer_config has num_attention_heads: head_dim is needed beside it',
    )
}

function readActivation(name: string): Activation {
  const known = activations[name]
  if (known) return known
  throw new FormatError(
    'unsupported',
    `config.json: activation "${name}" is not computed here; known: ${Object.keys(activations).join(', ')}`,
  )
}

/** The configuration as block `index` has it. */
export function blockConfig(config: ModelConfig, index: number): ModelConfig {
  const shape = config.layers[index]?.shape
  return shape ? { ...config, ...shape } : config
}

/** What `per_layer_config` says of a block. @throws FormatError `schema` when its heads do not fit together */
function readShape(raw: RawConfig, index: number): BlockShape | undefined {
  const own = raw.per_layer_config?.[index]
  if (!own) return undefined
  const heads = own.num_attention_heads ?? raw.num_attention_heads
  const kvHeads = own.num_key_value_heads ?? raw.num_key_value_heads ?? heads
  if (heads % kvHeads !== 0)
    throw new FormatError(
      'schema',
      `config.json: layer ${index}: ${heads} heads are not a multiple of ${kvHeads} key-value heads`,
    )
  return { heads, kvHeads, intermediateSize: own.intermediate_size ?? raw.intermediate_size ?? 4 * raw.hidden_size }
}

function readLayer(raw: RawConfig, family: Family, headDim: number, index: number): LayerConfig {
  const listed = raw.layer_types
  if (listed && listed.length !== raw.num_hidden_layers)
    throw new FormatError(
      'schema',
      `config.json: layer_types has ${listed.length} entries for ${raw.num_hidden_layers} layers`,
    )
  const shape = readShape(raw, index)
  const windowed = raw.sliding_window != null && family.windowed?.(raw, index) === true
  return {
    ...(windowed && { window: raw.sliding_window! }),
    rope: family.rotary === false ? 'none' : 'full',
    attentionScale: 1 / Math.sqrt(headDim),
    ...(shape && { shape }),
    ...family.layer?.(raw, index, windowed),
  }
}

function tokens(raw: RawConfig): { bosId?: number; eosIds: readonly number[] } {
  const list = (value: RawConfig['bos_token_id']) => [value ?? []].flat().filter(id => id >= 0)
  const [bosId] = list(raw.bos_token_id)
  return { ...(bosId !== undefined && { bosId }), eosIds: list(raw.eos_token_id) }
}
