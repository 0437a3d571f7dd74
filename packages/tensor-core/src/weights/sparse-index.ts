import type { TypedArray } from '../dtype.ts'
import { packBits, unpackBits } from './bit-pack.ts'
import type { Pattern } from './sparse.ts'

/**
 * Bits that say where the kept elements are. A bitmap takes 1 a weight. An n:m pattern takes ⌈log2 m⌉ for each kept element
 * (2:4: two bits, as the hardware stores it), unless the bitmap is smaller.
 */
export function indexBits(count: number, pattern?: Pattern): number {
  return pattern && !bitmapIsSmaller(pattern) ? keptOf(count, pattern) * positionBits(pattern) : count
}

const positionBits = ({ of }: Pattern): number => Math.max(1, Math.ceil(Math.log2(of)))
const keptOf = (count: number, { zeros, of }: Pattern): number => (count / of) * (of - zeros)
const bitmapIsSmaller = (pattern: Pattern): boolean => (pattern.of - pattern.zeros) * positionBits(pattern) > pattern.of

/** Positions of the kept elements inside their `of`, or the bitmap where that is smaller. */
export function packPattern(removed: Uint8Array, pattern: Pattern): Uint8Array {
  if (bitmapIsSmaller(pattern)) return packBits(removed, 1)
  const positions = new Uint8Array(keptOf(removed.length, pattern))
  let at = 0
  for (let k = 0; k < removed.length; k++) if (!removed[k]) positions[at++] = k % pattern.of
  return packBits(positions, positionBits(pattern))
}

/** The inverse of `packPattern`. @throws RangeError for a position outside its group */
export function unpackPattern(bytes: Uint8Array, count: number, pattern: Pattern): Uint8Array {
  if (bitmapIsSmaller(pattern)) return unpackBits(bytes, 1, count)
  const positions = unpackBits(bytes, positionBits(pattern), keptOf(count, pattern))
  const each = pattern.of - pattern.zeros
  const removed = new Uint8Array(count).fill(1)
  positions.forEach((position, k) => {
    if (position >= pattern.of) throw new RangeError(`sparse index: position ${position} in a group of ${pattern.of}`)
    removed[Math.floor(k / each) * pattern.of + position] = 0
  })
  return removed
}

/** The elements whose mask is 0, in order. */
export function keptOnly(values: TypedArray, removed: Uint8Array): TypedArray {
  const kept = removed.reduce((count, r) => count + (r ? 0 : 1), 0)
  const out = new (values.constructor as new (length: number) => TypedArray)(kept)
  let at = 0
  for (let k = 0; k < removed.length; k++) if (!removed[k]) out[at++] = values[k]!
  return out
}

/** The inverse of `keptOnly`: removed elements become 0. @throws TypeError when the number of values is wrong */
export function expand(values: TypedArray, removed: Uint8Array): TypedArray {
  const out = new (values.constructor as new (length: number) => TypedArray)(removed.length)
  let at = 0
  for (let k = 0; k < removed.length; k++) if (!removed[k]) out[k] = values[at++]!
  if (at !== values.length) throw new TypeError(`sparse weight: expected ${at} stored values, got ${values.length}`)
  return out
}
