import { f16At } from '../half.ts'
import type { Decoded } from './expand-simd.ts'
import { kMin, kScale } from './k-scales.ts'

/** What the sub-blocks of the block at `at` are scaled by and lowered by, from entry `to` on. The minima are zeros beforehand. */
export type GridsOf = (bytes: Uint8Array, at: number, steps: Float32Array, mins: Float32Array, to: number) => void

const sixBitPairs: GridsOf = (bytes, at, steps, mins, to) => {
  const [d, dmin] = [f16At(bytes, at), f16At(bytes, at + 2)]
  for (let j = 0; j < 8; j++) {
    steps[to + j] = d * kScale(bytes, at + 4, j)
    mins[to + j] = dmin * kMin(bytes, at + 4, j)
  }
}

/** Of the super-blocks; a block of 32 has one scale, which the kernel reads. */
export const gridsOf: Readonly<Partial<Record<Decoded, GridsOf>>> = {
  Q2_K(bytes, at, steps, mins, to) {
    const [d, dmin] = [f16At(bytes, at + 80), f16At(bytes, at + 82)]
    for (let j = 0; j < 16; j++) {
      steps[to + j] = d * (bytes[at + j]! & 15)
      mins[to + j] = dmin * (bytes[at + j]! >> 4)
    }
  },
  Q3_K(bytes, at, steps, _mins, to) {
    const d = f16At(bytes, at + 108)
    for (let j = 0; j < 16; j++) steps[to + j] = d * (q3Scale(bytes, at + 96, j) - 32)
  },
  Q4_K: sixBitPairs,
  Q5_K: sixBitPairs,
  Q6_K(bytes, at, steps, _mins, to) {
    const d = f16At(bytes, at + 208)
    for (let j = 0; j < 16; j++) steps[to + j] = d * ((bytes[at + 192 + j]! << 24) >> 24)
  },
}

/** Six bits of scale j: four in a nibble of the first eight bytes, two in the last four bytes. */
export function q3Scale(bytes: Uint8Array, at: number, j: number): number {
  const low = (bytes[at + (j & 7)]! >> (4 * (j >> 3))) & 15
  return low | (((bytes[at + 8 + (j & 3)]! >> (2 * (j >> 2))) & 3) << 4)
}
