/**
 * Blocks of E2M1 floats: MXFP4 (32 values, an E8M0 scale; OCP Microscaling Formats v1.0, §5.4) and NVFP4 (4 × 16 values, unsigned
 * E4M3 scales). The levels are kept doubled, the scales halved. The encoders give ggml's bytes; no importance is weighed.
 */
import type { DecodeBlock, EncodeBlock } from './block-32.ts'

const { fround, abs, floor, min } = Math

/** Code 8 is ggml's second zero: it has no sign. */
export const e2m1Levels: readonly number[] = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12]

const e8m0Halves = Float32Array.from({ length: 256 }, (_, e) => 2 ** (e - 128))
/** Half of 2^(e − 127), e a byte. */
export const e8m0Half = (e: number): number => e8m0Halves[e]!

/**
 * The scale for a largest magnitude, two powers of two below it. ggml's log2f rounds a number just below a power of two up to it; C's
 * conversion of a float to a byte keeps the low one.
 */
export const e8m0Of = (amax: number): number =>
  amax > 0 && amax < Number.POSITIVE_INFINITY ? (floor(fround(Math.log2(amax))) + 125) & 255 : 0

const ue4m3Halves = Float32Array.from({ length: 256 }, (_, e) => {
  const mantissa = e & 7
  const exponent = (e >> 3) & 15
  if (e === 0x7f) return 0
  return exponent === 0 ? mantissa * 2 ** -10 : (8 + mantissa) * 2 ** (exponent - 11)
})
/** Half of an unsigned E4M3 with bias 7, e a byte, whose highest bit is not looked at; 0x7f is not a number, and stands for 0. */
export const ue4m3Half = (e: number): number => ue4m3Halves[e]!

function decodePairs(bytes: Uint8Array, at: number, count: number, scale: number, out: Float32Array, to: number): void {
  for (let j = 0; j < count; j++) {
    const q = bytes[at + j]!
    out[to + j] = scale * e2m1Levels[q & 15]!
    out[to + j + count] = scale * e2m1Levels[q >> 4]!
  }
}

export const decodeMXFP4: DecodeBlock = (bytes, at, out, to) =>
  decodePairs(bytes, at + 1, 16, e8m0Half(bytes[at]!), out, to)

export const decodeNVFP4: DecodeBlock = (bytes, at, out, to) => {
  for (let s = 0; s < 4; s++) decodePairs(bytes, at + 4 + 8 * s, 8, ue4m3Half(bytes[at + s]!), out, to + 16 * s)
}

export const encodeMXFP4: EncodeBlock = (values, from, out, at) => {
  const amax = largest(values, from, 32)
  const e = e8m0Of(amax)
  out[at] = e
  putPairs(values, from, 16, e8m0Half(e), amax, out, at + 1)
}

export const encodeNVFP4: EncodeBlock = (values, from, out, at) => {
  for (let s = 0; s < 4; s++) {
    const start = from + 16 * s
    const amax = largest(values, start, 16)
    const e = ue4m3Of(fround(amax / 6))
    out[at + s] = e
    putPairs(values, start, 8, ue4m3Half(e), amax, out, at + 4 + 8 * s)
  }
}

function largest(values: Float32Array, from: number, count: number): number {
  let amax = 0
  for (let i = 0; i < count; i++) {
    const v = abs(values[from + i]!)
    if (v > amax) amax = v
  }
  return amax
}

/** To the nearest unsigned E4M3, halves up, as ggml does it: what rounds to 256 or more is 448. */
export function ue4m3Of(x: number): number {
  if (x >= 248) return 0x7e
  if (x < 2 ** -6) return min(7, floor(fround(fround(x * 512) + 0.5)))
  float[0] = x
  return ((bits[0]! + 0x80000) >>> 20) - 0x3c0
}

const float = new Float32Array(1)
const bits = new Uint32Array(float.buffer)

function putPairs(
  values: Float32Array,
  from: number,
  count: number,
  d: number,
  amax: number,
  out: Uint8Array,
  at: number,
): void {
  const code = isNear(amax, d) ? nearest : nearestOfFar
  for (let j = 0; j < count; j++) out[at + j] = code(values[from + j]!, d) | (code(values[from + count + j]!, d) << 4)
}

/** Whether distances of values up to `amax` to their neighbouring levels do not round. */
export const isNear = (amax: number, d: number): boolean => amax < d * 4096 && d < 2 ** 125

/** The nearest level, the lower magnitude on a tie. `d` times the middle of two levels is an exact f32. */
function nearest(x: number, d: number): number {
  const m = abs(x)
  const middle = m > 2.5 * d
  const low = middle
    ? m > 5 * d
      ? m > 7 * d
        ? m > 10 * d
          ? 7
          : 6
        : 5
      : m > 3.5 * d
        ? 4
        : 3
    : m > 1.5 * d
      ? 2
      : m > 0.5 * d
        ? 1
        : 0
  return low && x < 0 ? low | 8 : low
}

/** The same where distances to a level round, so that ggml sees ties that are none, or where levels overflow: the first of the least. */
function nearestOfFar(x: number, d: number): number {
  let best = 0
  let least = abs(fround(e2m1Levels[0]! * d - x))
  for (let i = 1; i < 16; i++) {
    const error = abs(fround(fround(e2m1Levels[i]! * d) - x))
    if (error < least) {
      best = i
      least = error
    }
  }
  return best
}
