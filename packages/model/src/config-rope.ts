import type { LayerType, RawConfig, RawRope, RawRopes } from './config-keys.ts'
import { FormatError } from './formats/format-error.ts'
import type { Rope } from './rope.ts'

/**
 * The rotary embedding of a kind of layer, from the current style (`rope_parameters`, one for all layers or one a kind) or the
 * earlier one (`rope_theta`, `rope_scaling`).
 * @throws FormatError `unsupported` for a kind of scaling that is not known, `schema` when its numbers do not fit
 */
export function readRope(raw: RawConfig, headDim: number, layer: LayerType): Rope {
  const given = spelledFor(raw, layer)
  const theta = given.rope_theta ?? raw.rope_theta ?? 10000
  const rotated = Math.floor(headDim * (given.partial_rotary_factor ?? raw.partial_rotary_factor ?? 1))
  if (rotated < 2 || rotated % 2 !== 0)
    throw new FormatError(
      'schema',
      `config.json: ${rotated} of ${headDim} head dimensions rotate; expected an even number`,
    )
  return scaled(raw, given, { theta, rotated, maxPositions: raw.max_position_embeddings })
}

function spelledFor(raw: RawConfig, layer: LayerType): RawRope {
  const parameters = raw.rope_parameters
  if (!parameters) return raw.rope_scaling ?? {}
  const perLayer = 'full_attention' in parameters || 'sliding_attention' in parameters
  return perLayer ? ((parameters as RawRopes)[layer] ?? {}) : (parameters as RawRope)
}

type Base = Pick<Rope, 'theta' | 'rotated' | 'maxPositions'>

function scaled(raw: RawConfig, given: RawRope, base: Base): Rope {
  const type = given.rope_type ?? given.type ?? 'default'
  const originalPositions =
    given.original_max_position_embeddings ?? raw.original_max_position_embeddings ?? raw.max_position_embeddings
  const required = (name: 'factor' | 'low_freq_factor' | 'high_freq_factor'): number => {
    const value = given[name]
    if (value == null) throw new FormatError('schema', `config.json: rope scaling "${type}" needs "${name}"`)
    return value
  }
  switch (type) {
    case 'default':
      return { ...base, type }
    case 'linear':
    case 'dynamic':
      return { ...base, type, factor: required('factor') }
    case 'llama3':
      return {
        ...base,
        type,
        originalPositions,
        factor: required('factor'),
        lowFrequencyFactor: required('low_freq_factor'),
        highFrequencyFactor: required('high_freq_factor'),
      }
    case 'yarn':
      return { ...base, type, originalPositions, ...yarnNumbers(given, base.maxPositions / originalPositions) }
    case 'longrope':
    case 'su':
      return longrope(given, base, originalPositions)
    default:
      throw new FormatError(
        'unsupported',
        `config.json: rope scaling "${type}" is not known; known: default, linear, dynamic, llama3, yarn, longrope`,
      )
  }
}

function yarnNumbers(given: RawRope, ratio: number) {
  const factor = given.factor ?? ratio
  const magnitude = (mscale: number) => (factor <= 1 ? 1 : 0.1 * mscale * Math.log(factor) + 1)
  const both = given.mscale && given.mscale_all_dim
  const fallback = both ? magnitude(given.mscale!) / magnitude(given.mscale_all_dim!) : magnitude(1)
  return {
    factor,
    betaFast: given.beta_fast ?? 32,
    betaSlow: given.beta_slow ?? 1,
    truncate: given.truncate ?? true,
    attentionFactor: given.attention_factor ?? fallback,
  }
}

function longrope(given: RawRope, base: Base, originalPositions: number): Rope {
  const pairs = base.rotated / 2
  const factors = (name: 'short_factor' | 'long_factor'): readonly number[] => {
    const list = given[name]
    if (list?.length !== pairs)
      throw new FormatError(
        'schema',
        `config.json: "${name}": expected ${pairs} numbers, got ${list?.length ?? 'none'}`,
      )
    return list
  }
  const ratio = given.factor ?? base.maxPositions / originalPositions
  const grown = ratio <= 1 ? 1 : Math.sqrt(1 + Math.log(ratio) / Math.log(originalPositions))
  return {
    ...base,
    type: 'longrope',
    originalPositions,
    shortFactor: factors('short_factor'),
    longFactor: factors('long_factor'),
    attentionFactor: given.attention_factor ?? grown,
  }
}
