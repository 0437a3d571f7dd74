/**
 * ggml's four bits with levels that lie closer around zero: IQ4_NL (32 values, one scale) and IQ4_XS (256 values, 8 scales of 6 bits).
 * The encoder tries 16 scales for each 32 values. It repeats ggml's arithmetic in 32-bit floats, every sum in ggml's order; the
 * trials are lanes of WebAssembly SIMD.
 */

import type { EncodeRows } from '../encodings.ts'
import { f16At, putF16 } from '../half.ts'
import type { DecodeBlock } from './block-32.ts'
import { iq4Levels } from './iq4-levels.ts'
import { batch, createWork, trials, type Work } from './iq4-memory.ts'
import { clamp, nearestInt } from './nearest-int.ts'
import { repeatImportance } from './repeat-importance.ts'
import { signedMax } from './search-scale.ts'

const { fround, abs } = Math

export const decodeIQ4_NL: DecodeBlock = (bytes, at, out, to) => decodeNibbles(bytes, at + 2, f16At(bytes, at), out, to)

export const decodeIQ4_XS: DecodeBlock = (bytes, at, out, to) => {
  const d = f16At(bytes, at)
  for (let b = 0; b < 8; b++) decodeNibbles(bytes, at + 8 + 16 * b, d * iq4Scale(bytes, at, b), out, to + 32 * b)
}

/** Multiple of an IQ4_XS block's scale that 32 values have. */
export function iq4Scale(bytes: Uint8Array, at: number, b: number): number {
  const low = (bytes[at + 4 + (b >> 1)]! >> (4 * (b & 1))) & 15
  const high = (bytes[at + 2 + (b >> 2)]! >> (2 * (b & 3))) & 3
  return (low | (high << 4)) - 32
}

function decodeNibbles(bytes: Uint8Array, at: number, scale: number, out: Float32Array, to: number): void {
  for (let j = 0; j < 16; j++) {
    const q = bytes[at + j]!
    out[to + j] = scale * iq4Levels[q & 15]!
    out[to + j + 16] = scale * iq4Levels[q >> 4]!
  }
}

/** A block without a value of this size has scale 0. */
const leastMagnitude = fround(1e-15)

export const encodeIQ4_NL: EncodeRows = (values, out, width, importance) =>
  eachBatch(values, width, importance, 32, (work, first, count) => {
    for (let b = 0; b < count; b++) work.inverses[b] = inverse(work.scales[b]!)
    work.encode(count)
    for (let b = 0; b < count; b++) {
      const at = (first + b) * 18
      putF16(out, at, work.scales[b]!)
      out.set(work.codes.subarray(16 * b, 16 * b + 16), at + 2)
    }
  })

export const encodeIQ4_XS: EncodeRows = (values, out, width, importance) =>
  eachBatch(values, width, importance, 256, (work, first, count) => {
    for (let b = 0; b < count; b += 8) putSuperScales(work, b, out, ((first + b) / 8) * 136)
    work.encode(count)
    for (let b = 0; b < count; b += 8) out.set(work.codes.subarray(16 * b, 16 * b + 128), ((first + b) / 8) * 136 + 8)
  })

/** Eight scales as six-bit multiples of the one that is largest, which has -32; leaves the inverses of what they became. */
function putSuperScales({ scales, inverses }: Work, from: number, out: Uint8Array, at: number): void {
  let largest = 0
  for (let b = 0; b < 8; b++) if (abs(scales[from + b]!) > abs(largest)) largest = scales[from + b]!
  const d = fround(-largest / 32)
  const id = inverse(d)
  putF16(out, at, d)
  out.fill(0, at + 2, at + 8)
  for (let b = 0; b < 8; b++) {
    const multiple = clamp(nearestInt(fround(id * scales[from + b]!)), -32, 31)
    inverses[from + b] = inverse(fround(d * multiple))
    const stored = multiple + 32
    out[at + 2 + (b >> 2)]! |= (stored >> 4) << (2 * (b & 3))
    out[at + 4 + (b >> 1)]! |= (stored & 15) << (4 * (b & 1))
  }
}

/** Of NaN too, as in C, where it counts as true. */
const inverse = (scale: number): number => (scale === 0 ? 0 : fround(1 / scale))

let kept: Work | undefined

/** Finds the scales of some blocks at a time, and hands them on. */
function eachBatch(
  values: Float32Array,
  width: number,
  importance: Float32Array | undefined,
  group: 32 | 256,
  put: (work: Work, first: number, count: number) => void,
): void {
  kept ??= createWork()
  const work = kept
  for (let first = 0; first < values.length / 32; first += batch) {
    const count = Math.min(batch, values.length / 32 - first)
    work.values.set(values.subarray(first * 32, (first + count) * 32))
    if (importance) work.importance.set(repeatImportance(importance, width, first * 32, count * 32))
    work.weigh(count, group / 32, importance !== undefined)
    for (let b = 0; b < count; b++) putTrials(work, b)
    work.try(count)
    for (let b = 0; b < count; b++) work.scales[b] = bestScale(work, b)
    put(work, first, count)
  }
}

/** The first trial takes the largest value for the lowest level; the others move that level by -7 … 7. Doubled for the kernel. */
function putTrials({ values, trialInverses, scales }: Work, block: number): void {
  const most = signedMax(values, 32 * block, 32)
  scales[block] = most
  const at = trials * block
  trialInverses[at] = 2 * fround(1 / fround(most / -iq4Levels[0]!))
  for (let t = -7; t <= 7; t++) trialInverses[at + 8 + t] = 2 * fround((t + iq4Levels[0]!) / most)
}

/** Of the trials' least squares the first, or a later one that explains more. */
function bestScale({ sums, scales }: Work, block: number): number {
  if (abs(scales[block]!) < leastMagnitude) return 0
  const at = 2 * trials * block
  let d = sums[at + trials]! > 0 ? fround(sums[at]! / sums[at + trials]!) : 0
  let best = fround(d * sums[at]!)
  for (let t = 1; t < trials; t++) {
    const product = sums[at + t]!
    const square = sums[at + trials + t]!
    if (square > 0 && fround(product * product) > fround(best * square)) {
      d = fround(product / square)
      best = fround(d * product)
    }
  }
  return d
}
