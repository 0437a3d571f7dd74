/**
 * ggml's blocks of 32 values. The encoders repeat ggml's arithmetic operation by operation in 32-bit floats
 * (`Math.fround` after each), so that the bytes are the same.
 */
import { f16At, putF16 } from '../half.ts'

const { fround, trunc, abs } = Math

/** A block codec works on one block: `bytes` from `at`, `values` from `from`. */
export type DecodeBlock = (bytes: Uint8Array, at: number, out: Float32Array, to: number) => void
export type EncodeBlock = (values: Float32Array, from: number, out: Uint8Array, at: number) => void

/** C's conversion of a float to int8 on x86: towards zero, the low byte; what fits no int32 gives 0. */
const toInt8 = (value: number): number => (abs(value) < 2147483648 ? (trunc(value) << 24) >> 24 : 0)

/** The value of the largest magnitude, with its sign; the first of equals. */
function signedMax(values: Float32Array, from: number): number {
  let amax = 0
  let max = 0
  for (let j = 0; j < 32; j++) {
    const v = values[from + j]!
    if (amax < abs(v)) {
      amax = abs(v)
      max = v
    }
  }
  return max
}

function range(values: Float32Array, from: number): readonly [number, number] {
  // The largest finite f32, as ggml starts: a block of nothing but NaN keeps them.
  let min = 3.4028234663852886e38
  let max = -3.4028234663852886e38
  for (let j = 0; j < 32; j++) {
    const v = values[from + j]!
    if (v < min) min = v
    if (v > max) max = v
  }
  return [min, max]
}

const inverse = (d: number): number => (d ? fround(1 / d) : 0)

export const decodeQ4_0: DecodeBlock = (bytes, at, out, to) => {
  const d = f16At(bytes, at)
  for (let j = 0; j < 16; j++) {
    const q = bytes[at + 2 + j]!
    out[to + j] = ((q & 15) - 8) * d
    out[to + j + 16] = ((q >> 4) - 8) * d
  }
}

export const encodeQ4_0: EncodeBlock = (values, from, out, at) => {
  const d = fround(signedMax(values, from) / -8)
  const id = inverse(d)
  putF16(out, at, d)
  const code = (v: number): number => Math.min(15, toInt8(fround(fround(v * id) + 8.5)))
  for (let j = 0; j < 16; j++) out[at + 2 + j] = code(values[from + j]!) | (code(values[from + j + 16]!) << 4)
}

export const decodeQ4_1: DecodeBlock = (bytes, at, out, to) => {
  const d = f16At(bytes, at)
  const m = f16At(bytes, at + 2)
  for (let j = 0; j < 16; j++) {
    const q = bytes[at + 4 + j]!
    out[to + j] = fround((q & 15) * d) + m
    out[to + j + 16] = fround((q >> 4) * d) + m
  }
}

export const encodeQ4_1: EncodeBlock = (values, from, out, at) => {
  const [min, max] = range(values, from)
  const d = fround(fround(max - min) / 15)
  const id = inverse(d)
  putF16(out, at, d)
  putF16(out, at + 2, min)
  const code = (v: number): number => Math.min(15, toInt8(fround(fround(fround(v - min) * id) + 0.5)))
  for (let j = 0; j < 16; j++) out[at + 4 + j] = code(values[from + j]!) | (code(values[from + j + 16]!) << 4)
}

/** Bit j of the four bytes at `at` is the fifth bit of value j. */
const fifthBit = (bytes: Uint8Array, at: number, j: number): number => ((bytes[at + (j >> 3)]! >> (j & 7)) & 1) << 4

/** Codes of 32 values in sixteen bytes: value j below value j + 16. */
export function packNibbles(codes: Uint8Array, from: number, out: Uint8Array, at: number): void {
  for (let j = 0; j < 16; j++) out[at + j] = (codes[from + j]! & 15) | (codes[from + j + 16]! << 4)
}

export const packFiveBits = (codes: Uint8Array, from: number, out: Uint8Array, at: number): void =>
  putFiveBits(out, at, j => codes[from + j]!)

/** Sixteen bytes of low nibbles after four bytes of fifth bits. */
function putFiveBits(out: Uint8Array, at: number, code: (j: number) => number): void {
  out.fill(0, at, at + 4)
  for (let j = 0; j < 16; j++) {
    const low = code(j)
    const high = code(j + 16)
    out[at + 4 + j] = (low & 15) | ((high & 15) << 4)
    out[at + (j >> 3)]! |= ((low >> 4) & 1) << (j & 7)
    out[at + 2 + (j >> 3)]! |= ((high >> 4) & 1) << (j & 7)
  }
}

export const decodeQ5_0: DecodeBlock = (bytes, at, out, to) => {
  const d = f16At(bytes, at)
  for (let j = 0; j < 16; j++) {
    const q = bytes[at + 6 + j]!
    out[to + j] = (((q & 15) | fifthBit(bytes, at + 2, j)) - 16) * d
    out[to + j + 16] = (((q >> 4) | fifthBit(bytes, at + 2, j + 16)) - 16) * d
  }
}

export const encodeQ5_0: EncodeBlock = (values, from, out, at) => {
  const d = fround(signedMax(values, from) / -16)
  const id = inverse(d)
  putF16(out, at, d)
  putFiveBits(out, at + 2, j => Math.min(31, toInt8(fround(fround(values[from + j]! * id) + 16.5))))
}

export const decodeQ5_1: DecodeBlock = (bytes, at, out, to) => {
  const d = f16At(bytes, at)
  const m = f16At(bytes, at + 2)
  for (let j = 0; j < 16; j++) {
    const q = bytes[at + 8 + j]!
    out[to + j] = fround(((q & 15) | fifthBit(bytes, at + 4, j)) * d) + m
    out[to + j + 16] = fround(((q >> 4) | fifthBit(bytes, at + 4, j + 16)) * d) + m
  }
}

export const encodeQ5_1: EncodeBlock = (values, from, out, at) => {
  const [min, max] = range(values, from)
  const d = fround(fround(max - min) / 31)
  const id = inverse(d)
  putF16(out, at, d)
  putF16(out, at + 2, min)
  putFiveBits(out, at + 4, j => toInt8(fround(fround(fround(values[from + j]! - min) * id) + 0.5)) & 255)
}

export const decodeQ8_0: DecodeBlock = (bytes, at, out, to) => {
  const d = f16At(bytes, at)
  for (let j = 0; j < 32; j++) out[to + j] = ((bytes[at + 2 + j]! << 24) >> 24) * d
}

export const encodeQ8_0: EncodeBlock = (values, from, out, at) => {
  const d = fround(abs(signedMax(values, from)) / 127)
  const id = inverse(d)
  putF16(out, at, d)
  for (let j = 0; j < 32; j++) out[at + 2 + j] = toInt8(roundAway(fround(values[from + j]! * id)))
}

/** C's `roundf`: halves go away from zero. */
const roundAway = (x: number): number => (x < 0 ? -Math.floor(-x + 0.5) : Math.floor(x + 0.5))
