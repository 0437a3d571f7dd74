/**
 * ggml's blocks of one to two bits with one scale: ternary TQ1_0 and TQ2_0 (256 values), signs Q1_0 (128), four levels Q2_0 (64).
 * None weighs its values. The encoders repeat ggml's arithmetic in 32-bit floats.
 */
import { f16At, putF16 } from '../half.ts'
import type { DecodeBlock, EncodeBlock } from './block-32.ts'

const { fround, abs, floor, ceil } = Math

/** C's `roundf` (halves away from zero) and conversion to int32 on x86: its low word is 0 for what does not fit. */
const roundToInt = (x: number): number => (abs(x) < 2147483648 ? (x < 0 ? -floor(-x + 0.5) : floor(x + 0.5)) : 0)

/** ggml's MAX: a NaN takes the place of what came before it, and gives way to what comes after. */
function largest(values: Float32Array, from: number, count: number): number {
  let most = 0
  for (let i = 0; i < count; i++) {
    const v = abs(values[from + i]!)
    if (!(most > v)) most = v
  }
  return most
}

/** Stores the scale, and returns its inverse; ggml takes that of the scale before it is rounded to f16. */
function putScale(out: Uint8Array, at: number, d: number): number {
  putF16(out, at, d)
  return d ? fround(1 / d) : 0
}

const trit = (value: number, inverse: number): number => roundToInt(fround(value * inverse)) + 1

/**
 * TQ1_0: five trits a byte, most significant first, as a fraction of 243 in 256ths, which a multiplication takes apart. Values
 * 0 … 159 lie in 32 bytes, 160 … 239 in 16, and the last 16 in four bytes of four trits.
 */
const tq1Runs = [
  { from: 0, at: 0, bytes: 32, trits: 5 },
  { from: 160, at: 32, bytes: 16, trits: 5 },
  { from: 240, at: 48, bytes: 4, trits: 4 },
] as const

export const encodeTQ1_0: EncodeBlock = (values, from, out, at) => {
  const inverse = putScale(out, at + 52, largest(values, from, 256))
  for (const run of tq1Runs)
    for (let m = 0; m < run.bytes; m++) {
      let q = 0
      for (let n = 0; n < run.trits; n++) q = q * 3 + trit(values[from + run.from + n * run.bytes + m]!, inverse)
      if (run.trits === 4) q *= 3
      out[at + run.at + m] = ceil((q * 256) / 243)
    }
}

export const decodeTQ1_0: DecodeBlock = (bytes, at, out, to) => {
  const d = f16At(bytes, at + 52)
  for (const run of tq1Runs)
    for (let n = 0, power = 1; n < run.trits; n++, power *= 3)
      for (let m = 0; m < run.bytes; m++) {
        const rest = (bytes[at + run.at + m]! * power) & 255
        out[to + run.from + n * run.bytes + m] = (((rest * 3) >> 8) - 1) * d
      }
}

/** TQ2_0: a half of 128 values lies in 32 bytes as four planes of two bits. */
export const encodeTQ2_0: EncodeBlock = (values, from, out, at) => {
  const inverse = putScale(out, at + 64, largest(values, from, 256))
  for (let half = 0; half < 2; half++)
    for (let m = 0; m < 32; m++) {
      let q = 0
      for (let n = 0; n < 4; n++) q |= (trit(values[from + 128 * half + 32 * n + m]!, inverse) & 3) << (2 * n)
      out[at + 32 * half + m] = q
    }
}

export const decodeTQ2_0: DecodeBlock = (bytes, at, out, to) => {
  const d = f16At(bytes, at + 64)
  for (let i = 0; i < 256; i++)
    out[to + i] = (((bytes[at + ((i >> 7) << 5) + (i & 31)]! >> (((i >> 5) & 3) << 1)) & 3) - 1) * d
}

/** Q1_0: the mean magnitude and 128 signs. */
export const encodeQ1_0: EncodeBlock = (values, from, out, at) => {
  let sum = 0
  for (let j = 0; j < 128; j++) sum = fround(sum + abs(values[from + j]!))
  putF16(out, at, fround(sum / 128))
  for (let b = 0; b < 16; b++) {
    let bits = 0
    for (let j = 0; j < 8; j++) if (values[from + 8 * b + j]! >= 0) bits |= 1 << j
    out[at + 2 + b] = bits
  }
}

export const decodeQ1_0: DecodeBlock = (bytes, at, out, to) => {
  const d = f16At(bytes, at)
  for (let j = 0; j < 128; j++) out[to + j] = (bytes[at + 2 + (j >> 3)]! >> (j & 7)) & 1 ? d : -d
}

/** Q2_0: -1, 0, 1 and 2 times the scale; its encoder takes the largest magnitude for 1, so that 2 is for other writers. */
export const encodeQ2_0: EncodeBlock = (values, from, out, at) => {
  let d = 0
  for (let j = 0; j < 64; j++) if (abs(values[from + j]!) > d) d = abs(values[from + j]!)
  const inverse = putScale(out, at, d)
  for (let b = 0; b < 16; b++) {
    let bits = 0
    for (let j = 0; j < 4; j++) bits |= q2Code(fround(values[from + 4 * b + j]! * inverse)) << (2 * j)
    out[at + 2 + b] = bits
  }
}

/** What does not fit an int32 is C's least one, and so the lowest code. */
const q2Code = (x: number): number => (abs(x) < 2147483648 ? Math.max(0, Math.min(3, roundToInt(x) + 1)) : 0)

export const decodeQ2_0: DecodeBlock = (bytes, at, out, to) => {
  const d = f16At(bytes, at)
  for (let j = 0; j < 64; j++) out[to + j] = (((bytes[at + 2 + (j >> 2)]! >> ((j & 3) << 1)) & 3) - 1) * d
}
