import type { TensorF32 } from '@sinter/tensor-core'

/** What every rotary embedding has: base, number of rotated dimensions of a head, longest position it was trained for. */
interface RopeBase {
  readonly theta: number
  /** Even, at most the head's width. */
  readonly rotated: number
  readonly maxPositions: number
}

/** Rotary position embedding and how it is stretched beyond the trained length. */
export type Rope = RopeBase &
  (
    | { readonly type: 'default' }
    | { readonly type: 'linear' | 'dynamic'; readonly factor: number }
    | {
        readonly type: 'llama3'
        readonly factor: number
        readonly lowFrequencyFactor: number
        readonly highFrequencyFactor: number
        readonly originalPositions: number
      }
    | {
        readonly type: 'yarn'
        readonly factor: number
        readonly betaFast: number
        readonly betaSlow: number
        readonly attentionFactor: number
        readonly truncate: boolean
        readonly originalPositions: number
      }
    | {
        readonly type: 'longrope'
        /** Divisors of the frequencies, one for each rotated pair. */
        readonly shortFactor: readonly number[]
        readonly longFactor: readonly number[]
        readonly attentionFactor: number
        readonly originalPositions: number
      }
  )

/**
 * Angle per position of each rotated pair, f64 `[rotated / 2]`.
 * @param total longest position + 1 of the call: dynamic and longrope depend on it
 */
export function ropeFrequencies(rope: Rope, total: number): Float64Array {
  switch (rope.type) {
    case 'default':
      return plain(rope, rope.theta)
    case 'linear':
      return plain(rope, rope.theta).map(f => f / rope.factor)
    case 'dynamic':
      return plain(rope, dynamicBase(rope, rope.factor, total))
    case 'llama3':
      return llama3(rope)
    case 'yarn':
      return yarn(rope)
    case 'longrope': {
      const factors = total > rope.originalPositions ? rope.longFactor : rope.shortFactor
      return plain(rope, rope.theta).map((f, i) => f / factors[i]!)
    }
  }
}

/** Cosines and sines of `tokens` positions from `start`, f32 `[tokens, rotated / 2]`, computed in f64. */
export function ropeTables(
  rope: Rope,
  tokens: number,
  start: number,
  total: number,
): { cos: TensorF32; sin: TensorF32 } {
  const frequencies = ropeFrequencies(rope, total)
  const half = frequencies.length
  const scale = 'attentionFactor' in rope ? rope.attentionFactor : 1
  const cos = new Float32Array(tokens * half)
  const sin = new Float32Array(tokens * half)
  for (let t = 0; t < tokens; t++)
    for (let i = 0; i < half; i++) {
      const angle = (start + t) * frequencies[i]!
      cos[t * half + i] = scale * Math.cos(angle)
      sin[t * half + i] = scale * Math.sin(angle)
    }
  const shape = [tokens, half]
  return { cos: { dtype: 'f32', shape, data: cos }, sin: { dtype: 'f32', shape, data: sin } }
}

/** Whether growing from `before` to `after` positions turns every earlier key by another angle: a cache is then void. */
export const ropeSwitches = (rope: Rope, before: number, after: number): boolean =>
  rope.type === 'longrope' && before <= rope.originalPositions && after > rope.originalPositions

/** θ^(−2i/d) (Su et al. 2021). */
function plain({ rotated }: RopeBase, theta: number): Float64Array {
  return Float64Array.from({ length: rotated / 2 }, (_, i) => theta ** ((-2 * i) / rotated))
}

/** NTK-aware base that grows with the call's longest position, so that the slowest pair spans all of it. */
function dynamicBase({ theta, rotated, maxPositions }: RopeBase, factor: number, total: number): number {
  if (total <= maxPositions) return theta
  return theta * ((factor * total) / maxPositions - (factor - 1)) ** (rotated / (rotated - 2))
}

/** Long wavelengths are divided by the factor, short ones kept, those between blended (Llama 3.1). */
function llama3(rope: Rope & { type: 'llama3' }): Float64Array {
  const { factor, lowFrequencyFactor: low, highFrequencyFactor: high, originalPositions } = rope
  return plain(rope, rope.theta).map(f => {
    const turns = (originalPositions * f) / (2 * Math.PI)
    if (turns < low) return f / factor
    if (turns > high) return f
    const share = (turns - low) / (high - low)
    return (1 - share) * (f / factor) + share * f
  })
}

/** NTK by parts (YaRN, 2309.00071 §3.2): pairs that turn often are kept, those that turn little are interpolated. */
function yarn(rope: Rope & { type: 'yarn' }): Float64Array {
  const { rotated, theta, factor, originalPositions, truncate } = rope
  const pairWithTurns = (turns: number) =>
    (rotated * Math.log(originalPositions / (turns * 2 * Math.PI))) / (2 * Math.log(theta))
  const [first, last] = [pairWithTurns(rope.betaFast), pairWithTurns(rope.betaSlow)]
  const low = Math.max(truncate ? Math.floor(first) : first, 0)
  const high = Math.min(truncate ? Math.ceil(last) : last, rotated - 1)
  // A ramp of no width would divide by zero.
  const width = high === low ? 0.001 : high - low
  return plain(rope, theta).map((f, i) => {
    const interpolated = Math.min(1, Math.max(0, (i - low) / width))
    return (f / factor) * interpolated + f * (1 - interpolated)
  })
}
