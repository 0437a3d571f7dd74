import { f16Bits, f16Value } from '@sinter/tensor-core'

/** Half floats at byte positions, which in a block need not be even. */

/** Value of the f16 at a byte position. */
export const f16At = (bytes: Uint8Array, at: number): number => f16Value(bytes[at]! | (bytes[at + 1]! << 8))

/**
 * Stores a number as f16 at a byte position. What is no number gets the sign that x86 gives it, and so ggml's bytes have: JavaScript
 * keeps no sign of NaN, and the bytes would be those of chance.
 */
export function putF16(bytes: Uint8Array, at: number, value: number): void {
  const raw = Number.isNaN(value) ? 0xfe00 : f16Bits(value)
  bytes[at] = raw
  bytes[at + 1] = raw >>> 8
}
