import type { TensorF32 } from '@sinter/tensor-core'
import type { Config } from './config-fields.ts'
import { FormatError } from './format-error.ts'
import { llama3Divisors } from './gguf-rope.ts'
import { type GgufMetadata, type GgufValue, numberOf, shortestF32, stringOf } from './gguf-value.ts'

/**
 * Rotary settings of a GGUF file as config.json writes them.
 * @param tensor gives `rope_freqs.weight` and its like, where the file has them
 * @throws FormatError `unsupported` when the file's frequencies are not those of a known scaling
 */
export function ropeFromGguf(
  arch: string,
  metadata: GgufMetadata,
  tensor: (name: string) => TensorF32 | undefined,
): Config {
  const key = (name: string): GgufValue | undefined => metadata.get(`${arch}.rope.${name}`)
  const theta = numberOf(key('freq_base')) ?? 10000
  const dims = numberOf(key('dimension_count'))
  const original = numberOf(key('scaling.original_context_length'))
  const factor = numberOf(key('scaling.factor')) ?? numberOf(key('scale_linear'))
  const long = tensor('rope_factors_long.weight')
  const short = tensor('rope_factors_short.weight')
  const freqs = tensor('rope_freqs.weight')
  const base = { rope_theta: theta }
  if (freqs) return { ...base, rope_scaling: fitLlama3(freqs, theta, dims ?? freqs.data.length * 2, original) }
  if (long && short) {
    const attention = numberOf(key('scaling.attn_factor'))
    const scaling = { type: 'longrope', long_factor: shortest(long), short_factor: shortest(short) }
    return {
      ...base,
      original_max_position_embeddings: original,
      rope_scaling: attention === undefined ? scaling : { ...scaling, attention_factor: attention },
    }
  }
  const type = stringOf(key('scaling.type'))
  if (factor === undefined || factor === 1 || type === 'none') return { ...base, rope_scaling: null }
  if (type !== 'yarn') return { ...base, rope_scaling: { rope_type: 'linear', factor } }
  return { ...base, rope_scaling: yarnFromGguf(key, factor, original) }
}

const shortest = (t: TensorF32): number[] => [...t.data].map(shortestF32)

function yarnFromGguf(
  key: (name: string) => GgufValue | undefined,
  factor: number,
  original: number | undefined,
): Config {
  const attention = numberOf(key('scaling.attn_factor'))
  const fast = numberOf(key('scaling.yarn_beta_fast'))
  const slow = numberOf(key('scaling.yarn_beta_slow'))
  return {
    rope_type: 'yarn',
    factor,
    ...(original !== undefined && { original_max_position_embeddings: original }),
    ...(attention !== undefined && { attention_factor: attention * (0.1 * Math.log(factor) + 1) }),
    ...(fast !== undefined && { beta_fast: fast }),
    ...(slow !== undefined && { beta_slow: slow }),
  }
}

/** The file holds the divisors only: the settings that give them are found among those that have been published. */
function fitLlama3(freqs: TensorF32, theta: number, dims: number, original: number | undefined): Config {
  if (dims !== 2 * freqs.data.length)
    throw new FormatError('size', `rope_freqs.weight: expected ${dims / 2} divisors, got ${freqs.data.length}`)
  const factor = Math.max(...freqs.data)
  for (const length of [original, 8192, 4096, 16384, 32768].filter(n => n !== undefined)) {
    const scaling = {
      rope_type: 'llama3',
      factor,
      low_freq_factor: 1,
      high_freq_factor: 4,
      original_max_position_embeddings: length,
    }
    const made = llama3Divisors({ ...scaling, rope_theta: theta }, dims).data
    if (made.length === freqs.data.length && made.every((v, i) => Math.abs(v - freqs.data[i]!) <= 1e-4 * v))
      return scaling
  }
  throw new FormatError(
    'unsupported',
    'rope_freqs.weight: these frequencies are not those of a llama3 scaling known here',
  )
}
