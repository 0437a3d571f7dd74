import type { Tensor, TypedArray } from '@sinter/tensor-core'

/**
 * Values as unsigned integers of their width. What is zero is decided on bits, and bits are what is copied: −0 and NaN are
 * values like others and come back as they were.
 */
export type RawBits = Uint8Array | Uint16Array | Uint32Array

const views: Readonly<Record<number, new (buffer: ArrayBufferLike, byteOffset: number, length: number) => RawBits>> = {
  1: Uint8Array,
  2: Uint16Array,
  4: Uint32Array,
}

/** Undefined for types wider than 4 bytes, which no weights have. */
export function rawBits({ data }: Pick<Tensor, 'data'>): RawBits | undefined {
  const view = views[data.BYTES_PER_ELEMENT]
  return view && new view(data.buffer, data.byteOffset, data.length)
}

/** Memory for `count` values of the same type. */
export function likeBits(bits: RawBits, count: number): RawBits {
  return new (bits.constructor as new (length: number) => RawBits)(count)
}

/** The same memory as an array of the type that `like` has. */
export function viewedAs(bits: RawBits, like: TypedArray): TypedArray {
  return new (like.constructor as new (buffer: ArrayBufferLike, byteOffset: number, length: number) => TypedArray)(
    bits.buffer,
    bits.byteOffset,
    bits.length,
  )
}
