/**
 * 16-bit floats, one value at a time, as ggml and the hardware convert them. Bulk conversion belongs to tensor-core; the
 * block encodings need scalars.
 */

const float = new Float32Array(1)
const bits = new Uint32Array(float.buffer)

/** Raw f16 bits of a number, to nearest, ties to even; what is too large becomes infinite. */
export function f16Bits(value: number): number {
  float[0] = value
  const u = bits[0]!
  const sign = (u >>> 16) & 0x8000
  const a = u & 0x7fffffff
  if (a > 0x7f800000) return sign | 0x7e00 | ((a >>> 13) & 0x3ff)
  // 65520 is the first value that rounds past the largest f16.
  if (a >= 0x477ff000) return sign | 0x7c00
  if (a >= 0x38800000) return sign | ((a - 0x38000000 + 0xfff + ((a >>> 13) & 1)) >>> 13)
  if (a <= 0x33000000) return sign
  return sign | subnormalBits(a)
}

/** f16 subnormals count in units of 2^-24. */
function subnormalBits(a: number): number {
  const mantissa = (a & 0x7fffff) | 0x800000
  const shift = 126 - (a >>> 23)
  const q = mantissa >>> shift
  const rest = mantissa & (2 ** shift - 1)
  const half = 2 ** (shift - 1)
  return rest > half || (rest === half && q & 1) ? q + 1 : q
}

/** The value of raw f16 bits. */
export function f16Value(raw: number): number {
  const sign = raw & 0x8000 ? -1 : 1
  const exponent = (raw >>> 10) & 0x1f
  const mantissa = raw & 0x3ff
  if (exponent === 31) return mantissa ? Number.NaN : sign * Number.POSITIVE_INFINITY
  return exponent ? sign * 2 ** (exponent - 25) * (mantissa + 1024) : sign * 2 ** -24 * mantissa
}

const table = new Float32Array(65536).map((_, raw) => f16Value(raw))

/** The value of the f16 at a byte position. */
export const f16At = (bytes: Uint8Array, at: number): number => table[bytes[at]! | (bytes[at + 1]! << 8)]!

/** Stores a number as f16 at a byte position. */
export function putF16(bytes: Uint8Array, at: number, value: number): void {
  const raw = f16Bits(value)
  bytes[at] = raw
  bytes[at + 1] = raw >>> 8
}

/** Raw bf16 bits of a number, to nearest, ties to even; a NaN stays one. */
export function bf16Bits(value: number): number {
  float[0] = value
  const u = bits[0]!
  if ((u & 0x7fffffff) > 0x7f800000) return (u >>> 16) | 64
  return (u + 0x7fff + ((u >>> 16) & 1)) >>> 16
}

/** The value of raw bf16 bits. */
export function bf16Value(raw: number): number {
  bits[0] = raw << 16
  return float[0]!
}
