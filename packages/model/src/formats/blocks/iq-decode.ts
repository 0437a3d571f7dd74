/** Decoders of ggml's blocks of 256 values whose levels are points of a codebook: IQ1_*, IQ2_* and IQ3_*. */
import { f16Value } from '@sinter/tensor-core'
import { f16At } from '../half.ts'
import type { DecodeBlock } from './block-32.ts'
import { type Grid, gridIQ1, gridIQ2_S, gridIQ2_XS, gridIQ2_XXS, gridIQ3_S, gridIQ3_XXS } from './iq-grids.ts'

/** What the levels of points stand for, [points, dim]. */
type LazyValues = () => Float32Array
function valuesOf(grid: () => Grid, meaning: (level: number) => number): LazyValues {
  let values: Float32Array | undefined
  return () => (values ??= Float32Array.from(grid().levels, meaning))
}

const iq2Values = [8, 25, 43]
const iq3Values = [4, 12, 20, 28, 36, 44, 52, 62]
const pointsIQ2_XXS = valuesOf(gridIQ2_XXS, level => iq2Values[level]!)
const pointsIQ2_XS = valuesOf(gridIQ2_XS, level => iq2Values[level]!)
const pointsIQ2_S = valuesOf(gridIQ2_S, level => iq2Values[level]!)
const pointsIQ3_XXS = valuesOf(gridIQ3_XXS, level => iq3Values[level]!)
const pointsIQ3_S = valuesOf(gridIQ3_S, level => 2 * level + 1)
/** All levels of an IQ1 point are moved by an eighth. */
const pointsUp = valuesOf(gridIQ1, level => level - 0.875)
const pointsDown = valuesOf(gridIQ1, level => level - 1.125)

/** Seven signs, and an eighth that makes their number even. */
export function evenSigns(seven: number): number {
  const folded = seven ^ (seven >> 4)
  return seven | (((0x6996 >> (folded & 15)) & 1) << 7)
}

/** 1 and -1 for the bits of a byte, [256, 8]: quicker than to ask each, which half the time surprises the processor. */
const signOf = Float32Array.from({ length: 2048 }, (_, i) => (((i >> 3) >> (i & 7)) & 1 ? -1 : 1))

/** A point's eight values, times the scale, negative where a sign's bit is set. */
function putEight(points: Float32Array, index: number, scale: number, signs: number, out: Float32Array, to: number) {
  for (let i = 0; i < 8; i++) out[to + i] = scale * points[8 * index + i]! * signOf[8 * signs + i]!
}

/** Two points of four. */
function putFours(
  points: Float32Array,
  a: number,
  b: number,
  scale: number,
  signs: number,
  out: Float32Array,
  to: number,
) {
  for (let i = 0; i < 4; i++) {
    out[to + i] = scale * points[4 * a + i]! * signOf[8 * signs + i]!
    out[to + 4 + i] = scale * points[4 * b + i]! * signOf[8 * signs + 4 + i]!
  }
}

const u16 = (bytes: Uint8Array, at: number): number => bytes[at]! | (bytes[at + 1]! << 8)
const nibble = (bytes: Uint8Array, at: number, i: number): number => (bytes[at + (i >> 1)]! >> (4 * (i & 1))) & 15

/** Per 32 values: four indices, then 4 × 7 bits of signs and 4 bits of scale. */
export const decodeIQ2_XXS: DecodeBlock = (bytes, at, out, to) => {
  const points = pointsIQ2_XXS()
  const d = f16At(bytes, at)
  for (let b = 0; b < 8; b++) {
    const from = at + 2 + 8 * b
    const word = u16(bytes, from + 4) | (u16(bytes, from + 6) << 16)
    const scale = d * (0.5 + (word >>> 28)) * 0.25
    for (let l = 0; l < 4; l++)
      putEight(points, bytes[from + l]!, scale, evenSigns((word >> (7 * l)) & 127), out, to + 32 * b + 8 * l)
  }
}

/** Per 8 values: nine bits of index, seven of signs. Scales of 16 values at the end. */
export const decodeIQ2_XS: DecodeBlock = (bytes, at, out, to) => {
  const points = pointsIQ2_XS()
  const d = f16At(bytes, at)
  for (let k = 0; k < 32; k++) {
    const word = u16(bytes, at + 2 + 2 * k)
    const scale = d * (0.5 + nibble(bytes, at + 66, k >> 1)) * 0.25
    putEight(points, word & 511, scale, evenSigns(word >> 9), out, to + 8 * k)
  }
}

/** Low bytes of the indices, signs, two high bits of each index, scales of 16 values. */
export const decodeIQ2_S: DecodeBlock = (bytes, at, out, to) => {
  const points = pointsIQ2_S()
  const d = f16At(bytes, at)
  for (let k = 0; k < 32; k++) {
    const high = (bytes[at + 66 + (k >> 2)]! >> (2 * (k & 3))) & 3
    const scale = d * (0.5 + nibble(bytes, at + 74, k >> 1)) * 0.25
    putEight(points, bytes[at + 2 + k]! | (high << 8), scale, bytes[at + 34 + k]!, out, to + 8 * k)
  }
}

/** 64 indices; then per 32 values 4 × 7 bits of signs and 4 bits of scale. */
export const decodeIQ3_XXS: DecodeBlock = (bytes, at, out, to) => {
  const points = pointsIQ3_XXS()
  const d = f16At(bytes, at)
  for (let b = 0; b < 8; b++) {
    const word = u16(bytes, at + 66 + 4 * b) | (u16(bytes, at + 68 + 4 * b) << 16)
    const scale = d * (0.5 + (word >>> 28)) * 0.5
    for (let l = 0; l < 4; l++) {
      const index = at + 2 + 8 * b + 2 * l
      const signs = evenSigns((word >> (7 * l)) & 127)
      putFours(points, bytes[index]!, bytes[index + 1]!, scale, signs, out, to + 32 * b + 8 * l)
    }
  }
}

/** Low bytes of 64 indices, their ninth bits, signs, scales of 32 values. */
export const decodeIQ3_S: DecodeBlock = (bytes, at, out, to) => {
  const points = pointsIQ3_S()
  const d = f16At(bytes, at)
  for (let k = 0; k < 32; k++) {
    const high = (bytes[at + 66 + (k >> 2)]! >> (2 * (k & 3))) & 3
    const scale = d * (1 + 2 * nibble(bytes, at + 106, k >> 2))
    const [first, second] = [bytes[at + 2 + 2 * k]! | ((high & 1) << 8), bytes[at + 3 + 2 * k]! | ((high & 2) << 7)]
    putFours(points, first, second, scale, bytes[at + 74 + k]!, out, to + 8 * k)
  }
}

/** Low bytes of 32 indices; per 32 values a word: 4 × 3 high bits, 3 bits of scale, the direction of the delta. */
export const decodeIQ1_S: DecodeBlock = (bytes, at, out, to) => {
  const [up, down] = [pointsUp(), pointsDown()]
  const d = f16At(bytes, at)
  for (let k = 0; k < 32; k++) {
    const word = u16(bytes, at + 34 + 2 * (k >> 2))
    const scale = d * (2 * ((word >> 12) & 7) + 1)
    const index = bytes[at + 2 + k]! | (((word >> (3 * (k & 3))) & 7) << 8)
    putEight(word & 0x8000 ? down : up, index, scale, 0, out, to + 8 * k)
  }
}

/** Low bytes of 32 indices; a nibble each of high bits and direction; four words of 4 × 3 bits of scale and 4 bits of the f16. */
export const decodeIQ1_M: DecodeBlock = (bytes, at, out, to) => {
  const [up, down] = [pointsUp(), pointsDown()]
  const words = [0, 1, 2, 3].map(i => u16(bytes, at + 48 + 2 * i))
  const d = f16Value(words.reduce((bits, word, i) => bits | ((word >> 12) << (4 * i)), 0))
  for (let k = 0; k < 32; k++) {
    const high = nibble(bytes, at + 32, k)
    const scale = d * (2 * ((words[k >> 3]! >> (3 * ((k >> 1) & 3))) & 7) + 1)
    putEight(high & 8 ? down : up, bytes[at + k]! | ((high & 7) << 8), scale, 0, out, to + 8 * k)
  }
}
