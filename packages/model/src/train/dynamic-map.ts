/** Values that share a scale. */
export const BLOCK = 256

/**
 * 256 levels with a dynamic exponent, sorted: seven decades from 1e-7 to 1, each with twice the levels of the one below
 * (Dettmers et al., arXiv:2110.02861 §1.3 and §2.2; the levels are those of bitsandbytes).
 */
export interface DynamicMap {
  /** Code → level, f32 [256]. */
  readonly levels: Float32Array
  /** Code → the middle between its level and the next; the last is infinite. */
  readonly middles: Float64Array
  /**
   * The upper 16 bits of an f32 → the code of the smallest number that has them. Levels are so far apart that the largest has
   * the same code or the next.
   */
  readonly starts: Uint8Array
}

const ratios = new Float32Array(BLOCK)
const ratioBits = new Uint32Array(ratios.buffer)
const excess = new Float32Array(1)
const excessBits = new Uint32Array(excess.buffer)

const maps = new Map<boolean, DynamicMap>()

/**
 * The map for −1 … 1, or for 0 … 1. In the latter only zero is encoded as zero, where the nearest level would be zero for ratios
 * below 1.6e-7: with a second moment of zero and a next gradient of zero, as rows of an embedding have, the update were m/ε.
 */
export function dynamicMap(signed: boolean): DynamicMap {
  let map = maps.get(signed)
  if (!map) {
    map = makeMap(dynamicLevels(signed), !signed)
    maps.set(signed, map)
  }
  return map
}

/** In f32, as the reference computes them. */
function dynamicLevels(signed: boolean): Float32Array {
  const levels = [0, 1]
  for (let decade = 0; decade < 7; decade++) {
    const count = 2 ** (signed ? decade : decade + 1)
    const scale = Math.fround(10 ** (decade - 6))
    for (let k = 0; k < count; k++) {
      const mean = Math.fround(Math.fround(edge(k, count) + edge(k + 1, count)) / 2)
      const level = Math.fround(scale * mean)
      levels.push(level)
      if (signed) levels.push(-level)
    }
  }
  return Float32Array.from(levels).sort()
}

/** Edge k of `count` equal parts of 0.1 … 1, reckoned from the nearer end and rounded once (fused multiply-add). */
function edge(k: number, count: number): number {
  const first = Math.fround(0.1)
  const width = Math.fround(Math.fround(1 - first) / count)
  return Math.fround(k < Math.floor((count + 1) / 2) ? first + width * k : 1 - width * (count - k))
}

function makeMap(levels: Float32Array, keepsPositive: boolean): DynamicMap {
  const middles = Float64Array.from(
    levels,
    (level, code) => (level + (levels[code + 1] ?? Number.POSITIVE_INFINITY)) / 2,
  )
  const bits = new Uint32Array(1)
  const float = new Float32Array(bits.buffer)
  const starts = Uint8Array.from({ length: 65536 }, (_, upper) => {
    // Of numbers below zero the smallest is that with the largest bits.
    bits[0] = upper * 65536 + (upper < 32768 ? 0 : 65535)
    const code = nearest(middles, float[0]!)
    return keepsPositive && float[0]! > 0 ? Math.max(1, code) : code
  })
  return { levels, middles, starts }
}

/** The first code whose upper middle is not below the value. */
function nearest(middles: Float64Array, value: number): number {
  let [low, high] = [0, middles.length - 1]
  while (low < high) {
    const code = (low + high) >>> 1
    if (value > middles[code]!) low = code + 1
    else high = code
  }
  return low
}

/** Values `from … to` of a tensor, at most a block, into the first places of `values`. */
export function decodeBlock(
  map: DynamicMap,
  codes: Uint8Array,
  scale: number,
  from: number,
  to: number,
  values: Float32Array,
): void {
  const { levels } = map
  for (let i = from; i < to; i++) values[i - from] = levels[codes[i]!]! * scale
}

/**
 * The reverse: codes of the nearest levels; of two equally near the lower. The CPU kernel of bitsandbytes 0.50 rounds ratios to
 * some 2⁻¹⁵ before it looks for the level, and so gives zero the level 2.1e-5.
 * @returns the scale, the largest magnitude
 */
export function encodeBlock(
  map: DynamicMap,
  values: Float32Array,
  from: number,
  to: number,
  codes: Uint8Array,
): number {
  const { middles, starts } = map
  const count = to - from
  let scale = 0
  for (let i = 0; i < count; i++) scale = Math.max(scale, Math.abs(values[i]!))
  const inverse = scale > 0 ? 1 / scale : 0
  for (let i = 0; i < count; i++) ratios[i] = values[i]! * inverse
  for (let i = 0; i < count; i++) {
    const code = starts[ratioBits[i]! >>> 16]!
    // One more when the ratio lies above the middle: the sign of a difference, where a branch would be mispredicted.
    excess[0] = middles[code]! - ratios[i]!
    codes[from + i] = code + (excessBits[0]! >>> 31)
  }
  return scale
}
