import { f16Bits, f16Value } from '@sinter/tensor-core'

/** Half floats at byte positions, which in a block need not be even. */

/** Value of the f16 at a byte position. */
export const f16At = (bytes: Uint8Array, at: number): number => f16Value(bytes[at]! | (bytes[at + 1]! << 8))

/** Stores a number as f16 at a byte position. */
export const putF16 = (bytes: Uint8Array, at: number, value: number): void => putU16(bytes, at, f16Bits(value))

function putU16(bytes: Uint8Array, at: number, raw: number): void {
  bytes[at] = raw
  bytes[at + 1] = raw >>> 8
}
