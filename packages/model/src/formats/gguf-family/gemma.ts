import { type Config, headsOf, numberField, optionalNumber } from '../config-fields.ts'
import { localRopeTheta } from '../gguf-rope.ts'
import { ggufArray, ggufF32, ggufU32, numberOf, numbersOf } from '../gguf-value.ts'
import { type GgufFamily, type GgufKey, type Names, type StoredFields, unsupported } from './family.ts'
import { attention, llama, mlp, qkNorms } from './llama.ts'

const norms: Names = [
  ['input_layernorm', 'attn_norm'],
  ['post_attention_layernorm', 'post_attention_norm'],
  ['pre_feedforward_layernorm', 'ffn_norm'],
  ['post_feedforward_layernorm', 'post_ffw_norm'],
]

/** What the two have apart. */
interface Generation {
  /** Blocks of the 27B model, the only one that scales scores by hidden / heads. */
  readonly blocksOf27B: number
  /** Every so-manyth layer looks at everything, the others at a window. */
  readonly pattern: number
  /** Bounds of scores and logits where the file or config says none. */
  readonly softcaps: { readonly attention: number | null; readonly logits: number | null }
  /** Gemma 3 has the key for scores in its configs and does not use it. */
  readonly capsScores: boolean
  /** Base of the windowed layers' positions, where they have their own. */
  readonly localTheta?: number
}

const generation2: Generation = {
  blocksOf27B: 46,
  pattern: 2,
  softcaps: { attention: 50, logits: 30 },
  capsScores: true,
}
const generation3: Generation = {
  blocksOf27B: 62,
  pattern: 6,
  softcaps: { attention: null, logits: null },
  capsScores: false,
  localTheta: 10000,
}

export const gemma2: GgufFamily = {
  ...llama,
  arch: 'gemma2',
  modelTypes: ['gemma2'],
  architecture: 'Gemma2ForCausalLM',
  block: [...norms, ...attention, ...mlp],
  interleavedRope: false,
  normOffset: 1,
  neverOutput: true,
  tiedByDefault: true,
  unevenArch: undefined,
  activations: ['gelu_pytorch_tanh', 'gelu'],
  rope: { tables: [] },
  keys: (family, config) => keysOf(generation2, family, config),
  fields: stored => fieldsOf(generation2, stored),
}

export const gemma3: GgufFamily = {
  ...gemma2,
  arch: 'gemma3',
  modelTypes: ['gemma3_text', 'gemma3'],
  architecture: 'Gemma3ForCausalLM',
  block: [...norms, ...attention, ...qkNorms, ...mlp],
  neverOutput: false,
  rope: { tables: [], noYarn: 'stretches windowed layers by yarn too' },
  keys: (family, config) => keysOf(generation3, family, config),
  fields: stored => fieldsOf(generation3, stored),
}

function keysOf(generation: Generation, family: GgufFamily, config: Config): GgufKey[] {
  checkScale(generation, family, config)
  const scores = generation.capsScores ? optionalNumber(config, 'attn_logit_softcapping') : undefined
  const logits = optionalNumber(config, 'final_logit_softcapping')
  const local = localRopeTheta(config)
  const keys: GgufKey[] = [['attention.sliding_window', ggufU32(numberField(config, 'sliding_window'))]]
  if (scores !== undefined) keys.push(['attn_logit_softcapping', ggufF32(scores)])
  if (logits !== undefined) keys.push(['final_logit_softcapping', ggufF32(logits)])
  keys.push(['attention.sliding_window_pattern', ggufArray('bool', windowedLayers(config, generation.pattern))])
  if (local !== undefined) keys.push(['rope.freq_base_swa', ggufF32(local)])
  return keys
}

function fieldsOf({ blocksOf27B, pattern, softcaps, localTheta }: Generation, stored: StoredFields): Config {
  const { get, shape, rope } = stored
  const layers = shape.num_hidden_layers!
  const given = get('attention.sliding_window_pattern')
  const windowed = numbersOf(given) ?? everyButEach(numberOf(given) ?? pattern, layers).map(Number)
  return {
    ...shape,
    ...rope,
    hidden_activation: 'gelu_pytorch_tanh',
    attention_bias: false,
    query_pre_attn_scalar: layers === blocksOf27B ? shape.hidden_size! / shape.num_attention_heads! : shape.head_dim,
    sliding_window: numberOf(get('attention.sliding_window')) ?? 4096,
    layer_types: windowed.map(flag => (flag ? 'sliding_attention' : 'full_attention')),
    attn_logit_softcapping: numberOf(get('attn_logit_softcapping')) ?? softcaps.attention,
    final_logit_softcapping: numberOf(get('final_logit_softcapping')) ?? softcaps.logits,
    ...(localTheta !== undefined && { rope_local_base_freq: numberOf(get('rope.freq_base_swa')) ?? localTheta }),
  }
}

const everyButEach = (pattern: number, layers: number): boolean[] =>
  Array.from({ length: layers }, (_, i) => (i + 1) % pattern !== 0)

/** Which layers look at a window only: `layer_types`, or every layer but each `pattern`-th. */
function windowedLayers(config: Config, fallback: number): boolean[] {
  const layers = numberField(config, 'num_hidden_layers')
  const types = config.layer_types
  if (Array.isArray(types) && types.length === layers) return types.map(type => type === 'sliding_attention')
  const pattern =
    optionalNumber(config, 'sliding_window_pattern') ?? optionalNumber(config, '_sliding_window_pattern') ?? fallback
  return everyButEach(pattern, layers)
}

/** llama.cpp scales scores by the width of a head, and by hidden / heads in the 27B models only. */
function checkScale({ blocksOf27B }: Generation, family: GgufFamily, config: Config): void {
  const { heads, headDim } = headsOf(config)
  const scalar = optionalNumber(config, 'query_pre_attn_scalar') ?? headDim
  const expected = config.num_hidden_layers === blocksOf27B ? numberField(config, 'hidden_size') / heads : headDim
  if (scalar !== expected) throw unsupported(family, `query_pre_attn_scalar ${scalar}`, `it uses ${expected}`)
}
