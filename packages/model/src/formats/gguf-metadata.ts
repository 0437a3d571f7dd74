import { withDefaults } from './config-defaults.ts'
import { type Config, headsOf, isUneven, numberField, optionalNumber, ownSizes } from './config-fields.ts'
import { type GgufFamily, unsupported } from './gguf-family/family.ts'
import { type GgufRope, ropeParameters, ropeToGguf } from './gguf-rope.ts'
import { type GgufValue, ggufArray, ggufF32, ggufString, ggufU32 } from './gguf-value.ts'

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
  const rope = family.rope ? ropeToGguf(arch, family.rope, config, rotatedDims(family, config, headDim)) : noRope
  for (const [key, value] of rope.keys) keys.set(key, value)
  const notes = [...rope.notes]
  checkActivation(family, config, notes)
  for (const [name, value] of family.keys(family, config, notes)) put(name, value)
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

function normEpsilon({ norm }: GgufFamily, config: Config): readonly [string, GgufValue] {
  const given = ['rms_norm_eps', 'layer_norm_epsilon', 'layer_norm_eps'].map(name => optionalNumber(config, name))
  const epsilon = given.find(value => value !== undefined) ?? numberField(config, 'norm_eps')
  return [`attention.layer_norm_${norm === 'layer' ? '' : 'rms_'}epsilon`, ggufF32(epsilon)]
}

function rotatedDims(family: GgufFamily, config: Config, headDim: number): number {
  const part =
    optionalNumber(ropeParameters(config), 'partial_rotary_factor') ?? optionalNumber(config, 'rotary_pct') ?? 1
  if (part !== 1 && !family.partialRope)
    throw unsupported(family, `partial_rotary_factor ${part}`, 'it rotates whole heads')
  return Math.floor(part * headDim)
}

function checkActivation(family: GgufFamily, config: Config, notes: string[]): void {
  const name = String(config.hidden_activation ?? config.hidden_act ?? config.activation_function ?? 'silu')
  const { activations, arch } = family
  if (!activations.includes(name)) throw unsupported(family, `the activation ${name}`, `it has ${activations[0]}`)
  if (name === 'gelu') notes.push(`llama.cpp's ${arch} computes gelu by its tanh approximation`)
}
