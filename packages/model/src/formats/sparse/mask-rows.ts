import { FormatError } from '../format-error.ts'
import type { RawBits } from './raw-bits.ts'

/** Ones in a byte. */
const onesOf = Uint8Array.from({ length: 256 }, (_, byte) => {
  let count = 0
  for (let rest = byte; rest > 0; rest >>= 1) count += rest & 1
  return count
})

/** Bytes of a row's mask; every row begins at a byte. */
export const maskRowBytes = (cols: number): number => Math.ceil(cols / 8)

/**
 * Stores rows as a mask and the elements that are not zero.
 * @param bits `[rows, cols]`
 * @param mask where the mask goes, `[rows, ⌈cols / 8⌉]`, zeros: element j of a row is bit j mod 8 of its byte ⌊j / 8⌋
 * @param values where the kept elements go
 * @returns how many there are
 */
export function packMaskRows(bits: RawBits, cols: number, mask: Uint8Array, values: RawBits): number {
  const rowBytes = maskRowBytes(cols)
  let v = 0
  for (let k = 0, row = 0; k < bits.length; row++) {
    const base = row * rowBytes
    for (let j = 0; j < cols; j++, k++) {
      if (bits[k] === 0) continue
      mask[base + (j >> 3)]! |= 1 << (j & 7)
      values[v++] = bits[k]!
    }
  }
  return v
}

/** The inverse of `packMaskRows`. `out` is `[rows, cols]`, zeros; the mask was counted, so the values are enough. */
export function expandMaskRows(values: RawBits, mask: Uint8Array, cols: number, out: RawBits): void {
  const rowBytes = maskRowBytes(cols)
  let v = 0
  for (let k = 0, row = 0; k < out.length; row++) {
    const base = row * rowBytes
    for (let j = 0; j < cols; j++, k++) if (mask[base + (j >> 3)]! & (1 << (j & 7))) out[k] = values[v++]!
  }
}

/**
 * Ones of every row into `counts`.
 * @throws FormatError `schema` for ones behind the last column: readers would disagree about what they mean
 */
export function countMaskRows(mask: Uint8Array, cols: number, counts: Float64Array, where: string): void {
  const rowBytes = maskRowBytes(cols)
  const behind = cols % 8 === 0 ? 0 : 0xff & (0xff << (cols % 8))
  for (let row = 0; row < counts.length; row++) {
    const base = row * rowBytes
    let count = 0
    for (let j = 0; j < rowBytes; j++) count += onesOf[mask[base + j]!]!
    if (mask[base + rowBytes - 1]! & behind)
      throw new FormatError('schema', `${where}: a row's mask has ones behind its ${cols} columns`)
    counts[row] = count
  }
}
