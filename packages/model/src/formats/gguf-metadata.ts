import { readConfig } from '../config.ts'
import { familyOf } from '../families/index.ts'
import { withDefaults } from './config-defaults.ts'
import { type Config, headsOf, isUneven, numberField, optionalNumber, ownSizes } from './config-fields.ts'
import { FormatError } from './format-error.ts'
import type { GgufFamily } from './gguf-families.ts'
import { type GgufRope, localRopeTheta, ropeParameters, ropeToGguf } from './gguf-rope.ts'
import { type GgufValue, ggufArray, ggufBool, ggufF32, ggufString, ggufU32 } from './gguf-value.ts'

/**
 * config.json as GGUF metadata.
 * @throws FormatError `unsupported` when llama.cpp would compute something else than the config says
 */
export function configToMetadata(family: GgufFamily, fullConfig: Config): GgufRope {
  const config = withDefaults(fullConfig)
  const { arch } = family
  const { heads, kvHeads, headDim } = headsOf(config)
  const hidden = numberField(config, 'hidden_size', optionalNumber(config, 'n_embd'))
  const keys = new Map<string, GgufValue>([['general.architecture', ggufString(arch)]])
  const put = (name: string, value: GgufValue): unknown => keys.set(`${arch}.${name}`, value)
  put('block_count', ggufU32(numberField(config, 'num_hidden_layers', optionalNumber(config, 'n_layer'))))
  put('context_length', ggufU32(numberField(config, 'max_position_embeddings', optionalNumber(config, 'n_positions'))))
  put('embedding_length', ggufU32(hidden))
  const width = numberField(config, 'intermediate_size', optionalNumber(config, 'n_inner') ?? 4 * hidden)
  put('feed_forward_length', ggufU32(width))
  put('attention.head_count', ggufU32(heads))
  put('attention.head_count_kv', ggufU32(kvHeads))
  if (isUneven(config)) for (const [name, value] of unevenKeys(config, width)) put(name, value)
  put('attention.key_length', ggufU32(headDim))
  put('attention.value_length', ggufU32(headDim))
  put('vocab_size', ggufU32(numberField(config, 'vocab_size')))
  put(...normEpsilon(family, config))
  const rope = arch === 'gpt2' ? noRope : ropeToGguf(arch, config, rotatedDims(family, config, headDim))
  for (const [key, value] of rope.keys) keys.set(key, value)
  const notes = [...rope.notes]
  for (const [name, value] of familyKeys(family, config, notes)) put(name, value)
  return { keys, tensors: rope.tensors, notes }
}

/** One number a block, in place of one for all. */
function unevenKeys(config: Config, width: number): [string, GgufValue][] {
  const blocks = Array.from({ length: numberField(config, 'num_hidden_layers') }, (_, block) => {
    const { heads, kvHeads } = headsOf(config, block)
    return { heads, kvHeads, width: numberField(ownSizes(config, block), 'intermediate_size', width) }
  })
  const list = (name: 'heads' | 'kvHeads' | 'width'): GgufValue =>
    ggufArray(
      'i32',
      blocks.map(block => block[name]),
    )
  return [
    ['feed_forward_length', list('width')],
    ['attention.head_count', list('heads')],
    ['attention.head_count_kv', list('kvHeads')],
  ]
}

const noRope: GgufRope = { keys: new Map(), tensors: new Map(), notes: [] }

/** Families with layer norms; the others have RMS norms. */
const layerNorms = ['gpt2', 'gptneox']

function normEpsilon({ arch }: GgufFamily, config: Config): readonly [string, GgufValue] {
  const given = ['rms_norm_eps', 'layer_norm_epsilon', 'layer_norm_eps'].map(name => optionalNumber(config, name))
  const epsilon = given.find(value => value !== undefined) ?? numberField(config, 'norm_eps')
  return [`attention.layer_norm_${layerNorms.includes(arch) ? '' : 'rms_'}epsilon`, ggufF32(epsilon)]
}

function rotatedDims(family: GgufFamily, config: Config, headDim: number): number {
  const part =
    optionalNumber(ropeParameters(config), 'partial_rotary_factor') ?? optionalNumber(config, 'rotary_pct') ?? 1
  if (part !== 1 && !['phi3', 'gptneox'].includes(family.arch))
    throw unsupported(family, `partial_rotary_factor ${part}`, 'it rotates whole heads')
  return Math.floor(part * headDim)
}

const unsupported = (family: GgufFamily, what: string, why: string): FormatError =>
  new FormatError('unsupported', `llama.cpp's ${family.arch} cannot do ${what}: ${why}. Use --format hf`)

/** Activations that llama.cpp has fixed for the family. */
const activations: { readonly [arch: string]: readonly string[] } = {
  gpt2: ['gelu_new', 'gelu_pytorch_tanh', 'gelu_fast', 'gelu'],
  gptneox: ['gelu', 'gelu_new', 'gelu_fast', 'gelu_pytorch_tanh'],
  gemma2: ['gelu_pytorch_tanh', 'gelu'],
  gemma3: ['gelu_pytorch_tanh', 'gelu'],
}

function familyKeys(family: GgufFamily, config: Config, notes: string[]): [string, GgufValue][] {
  checkActivation(family, config, notes)
  switch (family.arch) {
    case 'gemma2':
    case 'gemma3':
      return gemmaKeys(family, config)
    case 'gpt2':
      checkGpt2Scale(family, config)
      return []
    case 'granite':
      return graniteKeys(family, config)
    case 'smollm3':
      checkNopeLayers(family, config)
      noteWindow(family, config, notes)
      return []
    case 'gptneox':
      return [['use_parallel_residual', ggufBool(config.use_parallel_residual !== false)]]
    case 'phi3':
      noteWindow(family, config, notes)
      return [
        ['attention.sliding_window', ggufU32(optionalNumber(config, 'sliding_window') ?? 0)],
        ...(optionalNumber(config, 'original_max_position_embeddings') === undefined
          ? []
          : ([
              [
                'rope.scaling.original_context_length',
                ggufU32(numberField(config, 'original_max_position_embeddings')),
              ],
            ] as [string, GgufValue][])),
      ]
    default:
      noteWindow(family, config, notes)
      return []
  }
}

/** Of a window that some layer has: a config may name one that its family, or another key of it, leaves unused. */
function noteWindow(family: GgufFamily, config: Config, notes: string[]): void {
  const { layers, maxPositions } = readConfig(config, familyOf(config.model_type))
  const window = Math.min(...layers.flatMap(layer => layer.window ?? []))
  if (window < maxPositions)
    notes.push(
      `llama.cpp's ${family.arch} attends to everything: beyond ${window} tokens (sliding_window) its results differ`,
    )
}

function checkActivation(family: GgufFamily, config: Config, notes: string[]): void {
  const name = String(config.hidden_activation ?? config.hidden_act ?? config.activation_function ?? 'silu')
  const known = activations[family.arch] ?? ['silu', 'swish']
  if (!known.includes(name)) throw unsupported(family, `the activation ${name}`, `it has ${known[0]}`)
  if (name === 'gelu') notes.push(`llama.cpp's ${family.arch} computes gelu by its tanh approximation`)
}

function gemmaKeys(family: GgufFamily, config: Config): [string, GgufValue][] {
  checkGemmaScale(family, config)
  const keys: [string, GgufValue][] = [['attention.sliding_window', ggufU32(numberField(config, 'sliding_window'))]]
  const softcap = (field: string, key: string): void => {
    const value = optionalNumber(config, field)
    if (value !== undefined) keys.push([key, ggufF32(value)])
  }
  // Gemma 3 has the key in its configs and does not use it.
  if (family.arch === 'gemma2') softcap('attn_logit_softcapping', 'attn_logit_softcapping')
  softcap('final_logit_softcapping', 'final_logit_softcapping')
  const windowed = windowedLayers(config, family.arch === 'gemma2' ? 2 : 6)
  keys.push(['attention.sliding_window_pattern', ggufArray('bool', windowed)])
  const local = localRopeTheta(config)
  if (local !== undefined) keys.push(['rope.freq_base_swa', ggufF32(local)])
  return keys
}

/** Which layers look at a window only: `layer_types`, or every layer but each `pattern`-th. */
function windowedLayers(config: Config, fallback: number): boolean[] {
  const layers = numberField(config, 'num_hidden_layers')
  const types = config.layer_types
  if (Array.isArray(types) && types.length === layers) return types.map(type => type === 'sliding_attention')
  const pattern =
    optionalNumber(config, 'sliding_window_pattern') ?? optionalNumber(config, '_sliding_window_pattern') ?? fallback
  return Array.from({ length: layers }, (_, i) => (i + 1) % pattern !== 0)
}

/** llama.cpp scales scores by the width of a head, and by hidden / heads in the 27B models only. */
function checkGemmaScale(family: GgufFamily, config: Config): void {
  const { heads, headDim } = headsOf(config)
  const scalar = optionalNumber(config, 'query_pre_attn_scalar') ?? headDim
  const layers27B = family.arch === 'gemma2' ? 46 : 62
  const expected = config.num_hidden_layers === layers27B ? numberField(config, 'hidden_size') / heads : headDim
  if (scalar !== expected) throw unsupported(family, `query_pre_attn_scalar ${scalar}`, `it uses ${expected}`)
}

function checkGpt2Scale(family: GgufFamily, config: Config): void {
  const why = 'it divides scores by the root of the width of a head'
  if (config.scale_attn_weights === false) throw unsupported(family, 'scale_attn_weights false', why)
  if (config.scale_attn_by_inverse_layer_idx === true) throw unsupported(family, 'scale_attn_by_inverse_layer_idx', why)
}

function graniteKeys(family: GgufFamily, config: Config): [string, GgufValue][] {
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

/** llama.cpp leaves rotary positions out of every fourth layer, whatever the config says. */
function checkNopeLayers(family: GgufFamily, config: Config): void {
  const stored = config.no_rope_layers
  if (!Array.isArray(stored)) {
    const interval = numberField(config, 'no_rope_layer_interval')
    if (interval !== 4) throw unsupported(family, `no_rope_layer_interval ${interval}`, 'it has 4')
    return
  }
  const expected = stored.every((rotates, i) => Boolean(rotates) === ((i + 1) % 4 !== 0))
  if (!expected) throw unsupported(family, `no_rope_layers [${stored}]`, 'it leaves rope out of every fourth layer')
}
