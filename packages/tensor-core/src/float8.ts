/** 8-bit floats of the OCP: E4M3 (no infinity, largest 448) and E5M2 (largest 57,344). */
export type Float8 = 'f8e4m3' | 'f8e5m2'

const cell = new Float32Array(1)
const bits = new Uint32Array(cell.buffer)

const tables = new Map<Float8, Float32Array>()

/** The value of each of the 256 bytes. */
export function decodeTable(dtype: Float8): Float32Array {
  let table = tables.get(dtype)
  if (!table) {
    table = Float32Array.from({ length: 256 }, (_, byte) => (dtype === 'f8e4m3' ? decodeE4M3(byte) : decodeE5M2(byte)))
    tables.set(dtype, table)
  }
  return table
}

function decodeE4M3(byte: number): number {
  const sign = byte & 0x80 ? -1 : 1
  const exponent = (byte >> 3) & 15
  const mantissa = byte & 7
  if (exponent === 15 && mantissa === 7) return Number.NaN
  return sign * (exponent === 0 ? mantissa * 2 ** -9 : (8 + mantissa) * 2 ** (exponent - 10))
}

function decodeE5M2(byte: number): number {
  const sign = byte & 0x80 ? -1 : 1
  const exponent = (byte >> 2) & 31
  const mantissa = byte & 3
  if (exponent === 31) return mantissa ? Number.NaN : sign * Number.POSITIVE_INFINITY
  return sign * (exponent === 0 ? mantissa * 2 ** -16 : (4 + mantissa) * 2 ** (exponent - 17))
}

/** E4M3 bytes: halves to even, saturating at ±448 (infinity too); NaN is 0x7f with its sign. */
export const encodeF8E4M3 = (source: Float32Array): Uint8Array => encode(source, 3, 7, 0x7e, 448)

/** E5M2 bytes: halves to even, saturating at ±57,344 (infinity too); NaN is 0x7f with its sign. */
export const encodeF8E5M2 = (source: Float32Array): Uint8Array => encode(source, 2, 15, 0x7b, 57344)

function encode(source: Float32Array, mantissaBits: number, bias: number, largest: number, max: number): Uint8Array {
  const out = new Uint8Array(source.length)
  const shift = 23 - mantissaBits
  const half = 2 ** (shift - 1) - 1
  const minNormal = 2 ** (1 - bias)
  // Adding this makes the step of a subnormal the last bit of the f32 mantissa, so the FPU rounds it to nearest even.
  const align = 2 ** (shift + 1 - bias)
  cell[0] = align
  const alignBits = bits[0]!
  for (let i = 0; i < source.length; i++) {
    cell[0] = source[i]!
    const sign = (bits[0]! >>> 24) & 0x80
    const u = bits[0]! & 0x7fffffff
    const x = Math.abs(source[i]!)
    if (u > 0x7f800000) out[i] = sign | 0x7f
    else if (x >= max) out[i] = sign | largest
    else if (x < minNormal) {
      cell[0] = x + align
      out[i] = sign | (bits[0]! - alignBits)
    } else
      out[i] = sign | Math.min(largest, ((u + half + ((u >>> shift) & 1)) >>> shift) - ((127 - bias) << mantissaBits))
  }
  return out
}
