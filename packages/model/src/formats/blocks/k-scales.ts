import { f16Bits, f16Value } from '@sinter/tensor-core'
import { putF16 } from '../half.ts'
import { searchPositive } from './descend.ts'
import { codesOfFit, createFits, type Fits } from './fits.ts'
import { clamp, nearestInt } from './nearest-int.ts'
import { NO_SCALE, searchScale, signedSteps } from './search-scale.ts'

const { fround, abs } = Math

/**
 * Stores the scales of super-block `block` in few bits and says what they have become: `steps` and `mins` of its sub-blocks, by
 * which its values are then rounded. @returns false where the whole block is to be zeros
 */
export type PutScales = (
  fits: Fits,
  block: number,
  weighted: boolean,
  out: Uint8Array,
  at: number,
  grid: GridOut,
) => boolean

export interface GridOut {
  readonly steps: Float32Array
  readonly mins: Float32Array
}

/** Codes of scales and of minima. */
const scaleCodes = new Int32Array(16)
const minCodes = new Int32Array(16)

/** Without importance: the largest gets the largest code. @returns the scale of the codes */
function roundToLargest(values: Float32Array, from: number, length: number, most: number, codes: Int32Array): number {
  let max = 0
  for (let i = from; i < from + length; i++) if (values[i]! > max) max = values[i]!
  const factor = max > 0 ? fround(most / max) : 0
  for (let i = 0; i < length; i++) codes[i] = max > 0 ? nearestInt(fround(factor * values[from + i]!)) & 255 : 0
  return fround(max / most)
}

/** Scales and minima in as many levels; `scaleCodes` and `minCodes` hold the codes. @returns their scales as f16 holds them */
function twoLevels(fits: Fits, from: number, length: number, most: number, weighted: boolean): [number, number] {
  if (!weighted)
    return [
      roundToLargest(fits.scales, from, length, most, scaleCodes),
      roundToLargest(fits.mins, from, length, most, minCodes),
    ]
  const [scales, mins, weights] = [fits.scales, fits.mins, fits.weights].map(a => a.subarray(from, from + length))
  return [
    searchPositive(scales!, 0, length, weights!, most, scaleCodes),
    searchPositive(mins!, 0, length, weights!, most, minCodes),
  ]
}

/** Q2_K: a byte a sub-block, the scale in the lower half. */
export const putScalesQ2: PutScales = (fits, block, weighted, out, at, grid) => {
  const [d, dmin] = twoLevels(fits, 16 * block, 16, 15, weighted)
  putF16(out, at + 80, d)
  putF16(out, at + 82, dmin)
  const [scale, min] = [f16Value(f16Bits(d)), f16Value(f16Bits(dmin))]
  for (let j = 0; j < 16; j++) {
    const byte = (scaleCodes[j]! | (minCodes[j]! << 4)) & 255
    out[at + j] = byte
    grid.steps[16 * block + j] = scale * (byte & 15)
    grid.mins[16 * block + j] = min * (byte >> 4)
  }
  return true
}

/** Six-bit scale and minimum of sub-block j in their places among twelve bytes; 0, 1, … in turn. */
export function putPair(scale: number, min: number, j: number, out: Uint8Array, at: number): void {
  if (j < 4) {
    out[at + j] = scale
    out[at + j + 4] = min
  } else {
    out[at + j + 4] = (scale & 15) | ((min & 15) << 4)
    out[at + j - 4]! |= (scale >> 4) << 6
    out[at + j]! |= (min >> 4) << 6
  }
}

/** Six bits each, the upper two of the last four packed above the first four. Codes above `most` become `most`. */
const putSixBits = (most: number, ...[fits, block, weighted, out, at, grid]: Parameters<PutScales>): boolean => {
  const [d, dmin] = twoLevels(fits, 8 * block, 8, 63, weighted)
  putF16(out, at, d)
  putF16(out, at + 2, dmin)
  const [scale, min] = [f16Value(f16Bits(d)), f16Value(f16Bits(dmin))]
  const to = at + 4
  for (let j = 0; j < 8; j++) putPair(Math.min(most, scaleCodes[j]!), Math.min(most, minCodes[j]!), j, out, to)
  for (let j = 0; j < 8; j++) {
    grid.steps[8 * block + j] = scale * kScale(out, to, j)
    grid.mins[8 * block + j] = min * kMin(out, to, j)
  }
  return true
}

/** Q4_K. A negative scale, which a search with importance may find, has a code near 256, and ggml stores its lower bits. */
export const putScalesQ4: PutScales = (fits, block, weighted, ...to) =>
  putSixBits(weighted ? 255 : 63, fits, block, weighted, ...to)

/** Q5_K, where ggml cuts off such a code. */
export const putScalesQ5: PutScales = (...all) => putSixBits(63, ...all)

/** Six-bit scale and minimum of sub-block j, packed in twelve bytes. */
export const kScale = (b: Uint8Array, at: number, j: number): number =>
  j < 4 ? b[at + j]! & 63 : (b[at + j + 4]! & 15) | ((b[at + j - 4]! >> 6) << 4)
export const kMin = (b: Uint8Array, at: number, j: number): number =>
  j < 4 ? b[at + j + 4]! & 63 : (b[at + j + 4]! >> 4) | ((b[at + j]! >> 6) << 4)

/** The scale of the largest magnitude, with its sign; the first of equals. NaN counts for nothing. */
function largest(scales: Float32Array, from: number, length: number): number {
  let max = 0
  for (let j = from; j < from + length; j++) if (abs(scales[j]!) > abs(max)) max = scales[j]!
  return max
}

const steps32 = signedSteps(32)
const one = createFits(1)
const signedCodes = new Uint8Array(16)

/** Codes 0 … 63 of Q3_K's scales. @returns their scale */
function codesQ3(fits: Fits, from: number, weighted: boolean): number {
  if (weighted) {
    const scales = fits.scales.subarray(from, from + 16)
    searchScale(scales, 0, 16, fits.weights.subarray(from, from + 16), steps32, one, 0)
    codesOfFit(one, 0, scales, 0, signedCodes, 0, { length: 16, least: -32, most: 31 })
    return one.scales[0]!
  }
  const max = largest(fits.scales, from, 16)
  const factor = fround(-32 / max)
  for (let j = 0; j < 16; j++)
    signedCodes[j] =
      max === 0 ? 0 : clamp((nearestInt(fround(factor * fits.scales[from + j]!)) << 24) >> 24, -32, 31) + 32
  return max === 0 ? 0 : fround(1 / factor)
}

/** Q3_K: six bits each, no minima: the lower four in eight bytes, the upper two in four. */
export const putScalesQ3: PutScales = (fits, block, weighted, out, at, grid) => {
  const d = codesQ3(fits, 16 * block, weighted)
  const to = at + 96
  putF16(out, at + 108, d)
  const scale = f16Value(f16Bits(d))
  out.fill(0, to, to + 12)
  for (let j = 0; j < 16; j++) {
    const code = signedCodes[j]!
    out[to + (j & 7)]! |= (code & 15) << (4 * (j >> 3))
    out[to + 8 + (j & 3)]! |= (code >> 4) << (2 * (j >> 2))
    grid.steps[16 * block + j] = scale * (code - 32)
    grid.mins[16 * block + j] = 0
  }
  return true
}

/** Q6_K: a signed byte each, no minima. */
export const putScalesQ6: PutScales = (fits, block, _weighted, out, at, grid) => {
  const max = largest(fits.scales, 16 * block, 16)
  if (abs(max) < NO_SCALE) return false
  const factor = fround(-128 / max)
  const d = fround(1 / factor)
  putF16(out, at + 208, d)
  const scale = f16Value(f16Bits(d))
  for (let j = 0; j < 16; j++) {
    const code = (Math.min(127, nearestInt(fround(factor * fits.scales[16 * block + j]!))) << 24) >> 24
    out[at + 192 + j] = code
    grid.steps[16 * block + j] = scale * code
    grid.mins[16 * block + j] = 0
  }
  return true
}
