/** Writes codes that somebody else chose into ggml's blocks: nothing is rounded again. */
import { packFiveBits, packNibbles } from './blocks/block-32.ts'

/**
 * Q4_0: the value is `(code - 8) × scale`.
 * @param codes 0 … 15, row-major, rows a multiple of 32 long
 * @param scales raw f16 bits, one for 32 codes
 * @throws RangeError when the counts do not agree or a code is out of range
 */
export function packQ4_0(codes: Uint8Array, scales: Uint16Array): Uint8Array {
  checkCounts('Q4_0', codes.length, [scales.length])
  const out = new Uint8Array(scales.length * 18)
  for (let b = 0; b < scales.length; b++) {
    putU16(out, b * 18, scales[b]!)
    putNibbles(codes, b * 32, out, b * 18 + 2)
  }
  return out
}

/**
 * Q4_1: the value is `code × scale + min`.
 * @param codes 0 … 15
 * @param scales raw f16 bits, one for 32 codes
 * @param mins raw f16 bits, one for 32 codes; for a zero point z this is `-z × scale`
 * @throws RangeError when the counts do not agree or a code is out of range
 */
export function packQ4_1(codes: Uint8Array, scales: Uint16Array, mins: Uint16Array): Uint8Array {
  checkCounts('Q4_1', codes.length, [scales.length, mins.length])
  const out = new Uint8Array(scales.length * 20)
  for (let b = 0; b < scales.length; b++) {
    putU16(out, b * 20, scales[b]!)
    putU16(out, b * 20 + 2, mins[b]!)
    putNibbles(codes, b * 32, out, b * 20 + 4)
  }
  return out
}

/**
 * Q5_0: the value is `(code - 16) × scale`.
 * @param codes 0 … 31
 * @param scales raw f16 bits, one for 32 codes
 * @throws RangeError when the counts do not agree or a code is out of range
 */
export function packQ5_0(codes: Uint8Array, scales: Uint16Array): Uint8Array {
  checkCounts('Q5_0', codes.length, [scales.length])
  const out = new Uint8Array(scales.length * 22)
  for (let b = 0; b < scales.length; b++) {
    putU16(out, b * 22, scales[b]!)
    putFiveBits(codes, b * 32, out, b * 22 + 2)
  }
  return out
}

/**
 * Q5_1: the value is `code × scale + min`.
 * @param codes 0 … 31
 * @param scales raw f16 bits, one for 32 codes
 * @param mins raw f16 bits, one for 32 codes
 * @throws RangeError when the counts do not agree or a code is out of range
 */
export function packQ5_1(codes: Uint8Array, scales: Uint16Array, mins: Uint16Array): Uint8Array {
  checkCounts('Q5_1', codes.length, [scales.length, mins.length])
  const out = new Uint8Array(scales.length * 24)
  for (let b = 0; b < scales.length; b++) {
    putU16(out, b * 24, scales[b]!)
    putU16(out, b * 24 + 2, mins[b]!)
    putFiveBits(codes, b * 32, out, b * 24 + 4)
  }
  return out
}

/**
 * Q8_0: the value is `code × scale`.
 * @param codes −128 … 127
 * @param scales raw f16 bits, one for 32 codes
 * @throws RangeError when the counts do not agree
 */
export function packQ8_0(codes: Int8Array, scales: Uint16Array): Uint8Array {
  checkCounts('Q8_0', codes.length, [scales.length])
  const out = new Uint8Array(scales.length * 34)
  const bytes = new Uint8Array(codes.buffer, codes.byteOffset, codes.length)
  for (let b = 0; b < scales.length; b++) {
    putU16(out, b * 34, scales[b]!)
    out.set(bytes.subarray(b * 32, b * 32 + 32), b * 34 + 2)
  }
  return out
}

function checkCounts(name: string, codes: number, groups: readonly number[]): void {
  if (groups.some(count => count * 32 !== codes))
    throw new RangeError(
      `${name}: expected one scale (and minimum) for each 32 codes, got ${codes} codes and ${groups}`,
    )
}

function putU16(out: Uint8Array, at: number, value: number): void {
  out[at] = value
  out[at + 1] = value >>> 8
}

/**
 * MXFP4: the value is that of the E2M1 code times `2^(exponent − 127)`.
 * @param codes 0 … 15
 * @param exponents one for 32 codes
 * @throws RangeError when the counts do not agree or a code is out of range
 */
export function packMXFP4(codes: Uint8Array, exponents: Uint8Array): Uint8Array {
  checkCounts('MXFP4', codes.length, [exponents.length])
  const out = new Uint8Array(exponents.length * 17)
  for (let b = 0; b < exponents.length; b++) {
    out[b * 17] = exponents[b]!
    putNibbles(codes, b * 32, out, b * 17 + 1)
  }
  return out
}

/** Their fifth bits, a bit a code, then the nibbles. */
function putFiveBits(codes: Uint8Array, from: number, out: Uint8Array, at: number): void {
  checkCodes(codes, from, 31)
  packFiveBits(codes, from, out, at)
}

function putNibbles(codes: Uint8Array, from: number, out: Uint8Array, at: number): void {
  checkCodes(codes, from, 15)
  packNibbles(codes, from, out, at)
}

function checkCodes(codes: Uint8Array, from: number, most: number): void {
  for (let j = from; j < from + 32; j++)
    if (codes[j]! > most) throw new RangeError(`expected codes 0 … ${most}, got ${codes[j]} near ${j}`)
}
