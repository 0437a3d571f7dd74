/** Decoders of ggml's blocks of 256 values whose levels are points of a codebook: IQ1_*, IQ2_* and IQ3_*. */
import { f16Value } from '@sinter/tensor-core'
import { f16At } from '../half.ts'
import type { DecodeBlock } from './block-32.ts'
import { type Grid, gridIQ1, gridIQ2_S, gridIQ2_XS, gridIQ2_XXS, gridIQ3_S, gridIQ3_XXS } from './iq-grids.ts'

/** What the levels stand for; beside IQ3_S (odd numbers) and IQ1 (-1, 0, 1). */
const iq2Values = [8, 25, 43]
const iq3Values = [4, 12, 20, 28, 36, 44, 52, 62]

/** Seven signs, and an eighth that makes their number even. */
export function evenSigns(seven: number): number {
  const folded = seven ^ (seven >> 4)
  return seven | (((0x6996 >> (folded & 15)) & 1) << 7)
}

/** Point `index` as `dim` values: scale · value, negative where the sign's bit is set. */
function putPoint(
  grid: Grid,
  index: number,
  value: (level: number) => number,
  scale: number,
  signs: number,
  out: Float32Array,
  to: number,
): void {
  for (let i = 0; i < grid.dim; i++) {
    const v = scale * value(grid.levels[index * grid.dim + i]!)
    out[to + i] = (signs >> i) & 1 ? -v : v
  }
}

const iq2Value = (level: number): number => iq2Values[level]!
const iq3Value = (level: number): number => iq3Values[level]!
const odd = (level: number): number => 2 * level + 1

const u16 = (bytes: Uint8Array, at: number): number => bytes[at]! | (bytes[at + 1]! << 8)
const nibble = (bytes: Uint8Array, at: number, i: number): number => (bytes[at + (i >> 1)]! >> (4 * (i & 1))) & 15

/** Per 32 values: four indices, then 4 × 7 bits of signs and 4 bits of scale. */
export const decodeIQ2_XXS: DecodeBlock = (bytes, at, out, to) => {
  const grid = gridIQ2_XXS()
  const d = f16At(bytes, at)
  for (let b = 0; b < 8; b++) {
    const from = at + 2 + 8 * b
    const word = u16(bytes, from + 4) | (u16(bytes, from + 6) << 16)
    const scale = d * (0.5 + (word >>> 28)) * 0.25
    for (let l = 0; l < 4; l++)
      putPoint(grid, bytes[from + l]!, iq2Value, scale, evenSigns((word >> (7 * l)) & 127), out, to + 32 * b + 8 * l)
  }
}

/** Per 8 values: nine bits of index, seven of signs. Scales of 16 values at the end. */
export const decodeIQ2_XS: DecodeBlock = (bytes, at, out, to) => {
  const grid = gridIQ2_XS()
  const d = f16At(bytes, at)
  for (let k = 0; k < 32; k++) {
    const word = u16(bytes, at + 2 + 2 * k)
    const scale = d * (0.5 + nibble(bytes, at + 66, k >> 1)) * 0.25
    putPoint(grid, word & 511, iq2Value, scale, evenSigns(word >> 9), out, to + 8 * k)
  }
}

/** Low bytes of the indices, signs, two high bits of each index, scales of 16 values. */
export const decodeIQ2_S: DecodeBlock = (bytes, at, out, to) => {
  const grid = gridIQ2_S()
  const d = f16At(bytes, at)
  for (let k = 0; k < 32; k++) {
    const high = (bytes[at + 66 + (k >> 2)]! >> (2 * (k & 3))) & 3
    const scale = d * (0.5 + nibble(bytes, at + 74, k >> 1)) * 0.25
    putPoint(grid, bytes[at + 2 + k]! | (high << 8), iq2Value, scale, bytes[at + 34 + k]!, out, to + 8 * k)
  }
}

/** 64 indices; then per 32 values 4 × 7 bits of signs and 4 bits of scale. */
export const decodeIQ3_XXS: DecodeBlock = (bytes, at, out, to) => {
  const grid = gridIQ3_XXS()
  const d = f16At(bytes, at)
  for (let b = 0; b < 8; b++) {
    const word = u16(bytes, at + 66 + 4 * b) | (u16(bytes, at + 68 + 4 * b) << 16)
    const scale = d * (0.5 + (word >>> 28)) * 0.5
    for (let l = 0; l < 8; l++) {
      const signs = evenSigns((word >> (7 * (l >> 1))) & 127) >> (4 * (l & 1))
      putPoint(grid, bytes[at + 2 + 8 * b + l]!, iq3Value, scale, signs, out, to + 32 * b + 4 * l)
    }
  }
}

/** Low bytes of 64 indices, their ninth bits, signs, scales of 32 values. */
export const decodeIQ3_S: DecodeBlock = (bytes, at, out, to) => {
  const grid = gridIQ3_S()
  const d = f16At(bytes, at)
  for (let k = 0; k < 64; k++) {
    const high = (bytes[at + 66 + (k >> 3)]! >> (k & 7)) & 1
    const scale = d * (1 + 2 * nibble(bytes, at + 106, k >> 3))
    const signs = bytes[at + 74 + (k >> 1)]! >> (4 * (k & 1))
    putPoint(grid, bytes[at + 2 + k]! | (high << 8), odd, scale, signs, out, to + 4 * k)
  }
}

/** Every level of a point of 32 values' codebook is moved by this much, up or down. */
export const iq1Delta = 0.125

/** Low bytes of 32 indices; per 32 values a word: 4 × 3 high bits, 3 bits of scale, the direction of the delta. */
export const decodeIQ1_S: DecodeBlock = (bytes, at, out, to) => {
  const grid = gridIQ1()
  const d = f16At(bytes, at)
  for (let k = 0; k < 32; k++) {
    const word = u16(bytes, at + 34 + 2 * (k >> 2))
    const delta = word & 0x8000 ? -iq1Delta : iq1Delta
    const scale = d * (2 * ((word >> 12) & 7) + 1)
    const index = bytes[at + 2 + k]! | (((word >> (3 * (k & 3))) & 7) << 8)
    putPoint(grid, index, level => level - 1 + delta, scale, 0, out, to + 8 * k)
  }
}

/** Low bytes of 32 indices; a nibble each of high bits and direction; four words of 4 × 3 bits of scale and 4 bits of the f16. */
export const decodeIQ1_M: DecodeBlock = (bytes, at, out, to) => {
  const grid = gridIQ1()
  const words = [0, 1, 2, 3].map(i => u16(bytes, at + 48 + 2 * i))
  const d = f16Value(words.reduce((bits, word, i) => bits | ((word >> 12) << (4 * i)), 0))
  for (let k = 0; k < 32; k++) {
    const high = nibble(bytes, at + 32, k)
    const delta = high & 8 ? -iq1Delta : iq1Delta
    const scale = d * (2 * ((words[k >> 3]! >> (3 * ((k >> 1) & 3))) & 7) + 1)
    putPoint(grid, bytes[at + k]! | ((high & 7) << 8), level => level - 1 + delta, scale, 0, out, to + 8 * k)
  }
}
