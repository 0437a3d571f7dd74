/** ggml's super-blocks of 256 values with quantized scales ("K-quants"), read one after the other: what the kernels are held against. */
import { f16At } from '../half.ts'
import type { DecodeBlock } from './block-32.ts'
import { q3Scale } from './decode-grids.ts'
import { kMin, kScale } from './k-scales.ts'

const { fround } = Math

/** Two bits of value i; a half of 128 values lies in 32 bytes as four planes. */
const twoBits = (bytes: Uint8Array, at: number, i: number): number =>
  (bytes[at + ((i >> 7) << 5) + (i & 31)]! >> (((i >> 5) & 3) << 1)) & 3

export const decodeQ2_K: DecodeBlock = (bytes, at, out, to) => {
  const d = f16At(bytes, at + 80)
  const dmin = f16At(bytes, at + 82)
  for (let i = 0; i < 256; i++) {
    const scale = bytes[at + (i >> 4)]!
    out[to + i] = d * (scale & 15) * twoBits(bytes, at + 16, i) - dmin * (scale >> 4)
  }
}

export const decodeQ3_K: DecodeBlock = (bytes, at, out, to) => {
  const d = f16At(bytes, at + 108)
  for (let i = 0; i < 256; i++) {
    const high = (bytes[at + (i & 31)]! >> (i >> 5)) & 1
    const q = twoBits(bytes, at + 32, i) - (high ? 0 : 4)
    out[to + i] = d * (q3Scale(bytes, at + 96, i >> 4) - 32) * q
  }
}

export const decodeQ4_K: DecodeBlock = (bytes, at, out, to) => {
  const d = f16At(bytes, at)
  const dmin = f16At(bytes, at + 2)
  for (let j = 0; j < 8; j++) {
    const scale = d * kScale(bytes, at + 4, j)
    const min = dmin * kMin(bytes, at + 4, j)
    const qs = at + 16 + 32 * (j >> 1)
    for (let l = 0; l < 32; l++) out[to + 32 * j + l] = fround(scale * ((bytes[qs + l]! >> (4 * (j & 1))) & 15)) - min
  }
}

export const decodeQ5_K: DecodeBlock = (bytes, at, out, to) => {
  const d = f16At(bytes, at)
  const dmin = f16At(bytes, at + 2)
  for (let j = 0; j < 8; j++) {
    const scale = d * kScale(bytes, at + 4, j)
    const min = dmin * kMin(bytes, at + 4, j)
    const qs = at + 48 + 32 * (j >> 1)
    for (let l = 0; l < 32; l++) {
      const q = ((bytes[qs + l]! >> (4 * (j & 1))) & 15) | (((bytes[at + 16 + l]! >> j) & 1) << 4)
      out[to + 32 * j + l] = fround(scale * q) - min
    }
  }
}

export const decodeQ6_K: DecodeBlock = (bytes, at, out, to) => {
  const d = f16At(bytes, at + 208)
  for (let i = 0; i < 256; i++) {
    const half = i >> 7
    const plane = (i >> 5) & 3
    const l = i & 31
    const low = (bytes[at + 64 * half + 32 * (plane & 1) + l]! >> (4 * (plane >> 1))) & 15
    const high = (bytes[at + 128 + 32 * half + l]! >> (2 * plane)) & 3
    const scale = (bytes[at + 192 + (i >> 4)]! << 24) >> 24
    out[to + i] = d * scale * ((low | (high << 4)) - 32)
  }
}
