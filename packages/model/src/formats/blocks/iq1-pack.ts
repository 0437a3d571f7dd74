/** How the blocks of IQ1_S and IQ1_M lie in bytes, and what codes their scales get. */
import { f16Bits } from '@sinter/tensor-core'
import { putF16 } from '../half.ts'
import type { Work } from './iq1-memory.ts'
import { addSquares, sums } from './iq1-squares.ts'
import { clamp, nearestInt } from './nearest-int.ts'

const { fround } = Math

const codeOf = (id: number, scale: number): number =>
  clamp(nearestInt(fround(0.5 * fround(fround(id * scale) - 1))), 0, 7)

const largestScale = ({ scales }: Work): number => scales.reduce((most, scale) => Math.max(most, scale), 0)

export function putIQ1_S(work: Work, _values: Float32Array, _from: number, out: Uint8Array, at: number): void {
  const { indices, scales, moved } = work
  const d = fround(largestScale(work) / 15)
  const id = fround(1 / d)
  if (d) putF16(out, at, fround(d * 1.125))
  for (let b = 0; b < 8; b++) {
    let word = d ? (codeOf(id, scales[b]!) | (moved[b]! << 3)) << 12 : 0
    for (let k = 0; k < 4; k++) {
      out[at + 2 + 4 * b + k] = indices[4 * b + k]!
      word |= (indices[4 * b + k]! >> 8) << (3 * k)
    }
    out[at + 34 + 2 * b] = word
    out[at + 35 + 2 * b] = word >> 8
  }
}

/** The scale of all is fitted once more, to what is stored. */
export function putIQ1_M(work: Work, values: Float32Array, from: number, out: Uint8Array, at: number): void {
  const { indices, scales, moved } = work
  let d = fround(largestScale(work) / 15)
  const id = fround(1 / d)
  const words = [0, 0, 0, 0]
  sums.fill(0)
  for (let b = 0; b < 16; b++) {
    for (let k = 0; k < 2; k++) {
      const index = indices[2 * b + k]!
      out[at + 2 * b + k] = index
      out[at + 32 + b]! |= ((index >> 8) | (d ? moved[2 * b + k]! << 3 : 0)) << (4 * k)
    }
    if (!d) continue
    const code = codeOf(id, scales[b]!)
    words[b >> 2]! |= code << (3 * (b & 3))
    addSquares(work, values, from + 16 * b, 1, b, 2 * code + 1)
  }
  if (!d) return
  if (sums[1]! > 0) d = fround(sums[0]! / sums[1]!)
  const bits = f16Bits(fround(d * fround(1.1125)))
  words.forEach((word, i) => {
    const full = word | (((bits >> (4 * i)) & 15) << 12)
    out[at + 48 + 2 * i] = full
    out[at + 49 + 2 * i] = full >> 8
  })
}
