import { f32, type TensorF32 } from '@sinter/tensor-core'
import { type Config, numberField, optionalNumber } from './config-fields.ts'
import { FormatError } from './format-error.ts'
import type { GgufRopeAbility } from './gguf-family/family.ts'
import { type GgufValue, ggufF32, ggufString, ggufU32 } from './gguf-value.ts'
import { isObject } from './json-strict.ts'

/** Rotary positions as a GGUF file holds them: keys, and tensors for the scalings that have no key. */
export interface GgufRope {
  readonly keys: ReadonlyMap<string, GgufValue>
  readonly tensors: ReadonlyMap<string, TensorF32>
  readonly notes: readonly string[]
}

/** `rope_parameters` of newer configs (perhaps one for each kind of layer), `rope_scaling` and `rope_theta` of older. */
export function ropeParameters(config: Config): Config {
  const stored = config.rope_parameters ?? config.rope_scaling
  const nested = isObject(stored) && isObject(stored.full_attention) ? stored.full_attention : stored
  const base = {
    rope_theta: config.rope_theta ?? config.rotary_emb_base,
    partial_rotary_factor: config.partial_rotary_factor,
  }
  const own = isObject(nested) ? nested : {}
  return { ...base, ...own, rope_type: own.rope_type ?? own.type ?? 'default' }
}

/** The base of windowed layers, where it is another one (Gemma 3). */
export function localRopeTheta(config: Config): number | undefined {
  const stored = config.rope_parameters
  if (isObject(stored) && isObject(stored.sliding_attention))
    return optionalNumber(stored.sliding_attention, 'rope_theta')
  return optionalNumber(config, 'rope_local_base_freq')
}

/**
 * Rotary settings for llama.cpp.
 * @param ability what of it llama.cpp reads for the family
 * @param dims channels of a head that are rotated
 * @throws FormatError `unsupported` for a scaling that llama.cpp does not have
 */
export function ropeToGguf(arch: string, ability: GgufRopeAbility, config: Config, dims: number): GgufRope {
  const rope = ropeParameters(config)
  const keys = new Map<string, GgufValue>([
    [`${arch}.rope.dimension_count`, ggufU32(dims)],
    [`${arch}.rope.freq_base`, ggufF32(optionalNumber(rope, 'rope_theta') ?? 10000)],
  ])
  const tensors = new Map<string, TensorF32>()
  const notes: string[] = []
  const scaling = (name: string, value: GgufValue): unknown => keys.set(`${arch}.rope.scaling.${name}`, value)
  switch (rope.rope_type) {
    case 'default':
      break
    case 'linear':
      scaling('type', ggufString('linear'))
      scaling('factor', ggufF32(numberField(rope, 'factor')))
      break
    case 'yarn':
      if (ability.noYarn !== undefined) throw unable(arch, ability.noYarn)
      for (const [name, value] of yarnKeys(rope, config)) scaling(name, value)
      break
    case 'llama3':
      if (!ability.tables.includes('llama3')) throw unable(arch, 'has no rope scaling "llama3"')
      scaling('original_context_length', ggufU32(numberField(rope, 'original_max_position_embeddings')))
      tensors.set('rope_freqs.weight', llama3Divisors(rope, dims))
      break
    case 'longrope':
    case 'su':
      if (!ability.tables.includes('longrope')) throw unable(arch, 'has no rope scaling "longrope"')
      for (const [name, value] of longropeKeys(rope, config)) scaling(name, value)
      tensors.set('rope_factors_long.weight', factors(rope, 'long_factor', dims))
      tensors.set('rope_factors_short.weight', factors(rope, 'short_factor', dims))
      break
    case 'dynamic':
      notes.push('llama.cpp has no dynamic rope scaling: texts longer than max_position_embeddings will differ')
      break
    default:
      throw new FormatError('unsupported', `GGUF cannot hold the rope type ${JSON.stringify(rope.rope_type)}`)
  }
  return { keys, tensors, notes }
}

const unable = (arch: string, why: string): FormatError =>
  new FormatError('unsupported', `llama.cpp's ${arch} ${why}. Use --format hf`)

const originalLength = (rope: Config, config: Config): number =>
  optionalNumber(rope, 'original_max_position_embeddings') ??
  optionalNumber(config, 'original_max_position_embeddings') ??
  numberField(config, 'max_position_embeddings')

function yarnKeys(rope: Config, config: Config): [string, GgufValue][] {
  if (rope.truncate === false)
    throw new FormatError('unsupported', 'llama.cpp rounds the ends of yarn\'s ramp: it has no "truncate": false')
  const factor = optionalNumber(rope, 'factor') ?? stretch(rope, config)
  const keys: [string, GgufValue][] = [
    ['type', ggufString('yarn')],
    ['factor', ggufF32(factor)],
    ['original_context_length', ggufU32(originalLength(rope, config))],
  ]
  for (const [from, to] of [
    ['beta_fast', 'yarn_beta_fast'],
    ['beta_slow', 'yarn_beta_slow'],
  ] as const) {
    const value = optionalNumber(rope, from)
    if (value !== undefined) keys.push([to, ggufF32(value)])
  }
  // llama.cpp multiplies 0.1·ln(factor) + 1 by this key; an explicit factor of the config replaces that product.
  const magnitude = (mscale: number): number => (factor <= 1 ? 1 : 0.1 * mscale * Math.log(factor) + 1)
  const [own, all] = [optionalNumber(rope, 'mscale'), optionalNumber(rope, 'mscale_all_dim')]
  const attention = optionalNumber(rope, 'attention_factor') ?? (own && all && magnitude(own) / magnitude(all))
  if (attention) keys.push(['attn_factor', ggufF32(attention / magnitude(1))])
  return keys
}

/** How many times the trained length the longest text has. */
const stretch = (rope: Config, config: Config): number =>
  numberField(config, 'max_position_embeddings') / originalLength(rope, config)

function longropeKeys(rope: Config, config: Config): [string, GgufValue][] {
  const original = originalLength(rope, config)
  const scale = optionalNumber(rope, 'factor') ?? stretch(rope, config)
  const attention = scale > 1 ? Math.sqrt(1 + Math.log(scale) / Math.log(original)) : 1
  return [
    // Without it the tables are looked for in phi3 only.
    ['type', ggufString('longrope')],
    ['original_context_length', ggufU32(original)],
    ['attn_factor', ggufF32(optionalNumber(rope, 'attention_factor') ?? attention)],
  ]
}

function factors(rope: Config, name: string, dims: number): TensorF32 {
  const values = rope[name]
  if (!Array.isArray(values) || values.length !== dims / 2 || values.some(v => typeof v !== 'number'))
    throw new FormatError(
      'schema',
      `config.json: expected rope ${name} to be ${dims / 2} numbers, got ${JSON.stringify(values)}`,
    )
  return f32([dims / 2], values as number[])
}

/** By how much llama3 scaling divides each frequency: long waves by the factor, short ones not, a ramp between. */
export function llama3Divisors(rope: Config, dims: number): TensorF32 {
  const theta = numberField(rope, 'rope_theta', 10000)
  const factor = numberField(rope, 'factor')
  const low = numberField(rope, 'low_freq_factor')
  const high = numberField(rope, 'high_freq_factor')
  const original = numberField(rope, 'original_max_position_embeddings')
  const divisor = (i: number): number => {
    const wavelength = 2 * Math.PI * theta ** ((2 * i) / dims)
    if (wavelength < original / high) return 1
    if (wavelength > original / low) return factor
    const smooth = (original / wavelength - low) / (high - low)
    return 1 / ((1 - smooth) / factor + smooth)
  }
  return f32(
    [dims / 2],
    Array.from({ length: dims / 2 }, (_, i) => divisor(i)),
  )
}
