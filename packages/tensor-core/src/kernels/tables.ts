import { type Code, unsigned } from './wasm.ts'

/**
 * What kernels look up: tables of 16 bytes in a vector, addresses that lanes hold, and code that runs only where it must. Vectors are
 * on the stack or given, as in `lanes.ts`.
 */

/** Bytes of `table` at the indices in `index`; 0 beyond 15. */
export const lookUp = (table: Code, index: Code): Code => [table, index, 0xfd, 0x0e]
/** -1 in the bytes where a is at least b, both signed. */
export const bytesAtLeast = (a: Code, b: Code): Code => [a, b, 0xfd, 0x2b]
/** … where a is more, without signs. */
export const bytesMore = (a: Code, b: Code): Code => [a, b, 0xfd, 0x28]
export const magnitudesOfBytes = (a: Code): Code => [a, 0xfd, 0x60]
/** Up to a whole number, four f32. */
export const ceil = (a: Code): Code => [a, 0xfd, 0x67]
/** Down to a whole number, four f32. */
export const floor = (a: Code): Code => [a, 0xfd, 0x68]
/** Eight i16 lanes, of what is given again and again. */
export const shortLanes = (...values: readonly number[]): Code => [
  ...[0xfd, 0x0c],
  ...new Uint8Array(Int16Array.from({ length: 8 }, (_, i) => values[i % values.length]!).buffer),
]
/** The lower halves of the products of i16 lanes. */
export const multiplyShorts = (a: Code, b: Code): Code => [a, b, 0xfd, 0x95, 0x01]

/** An i32 on the stack, in all lanes. */
export const everyInt = (a: Code): Code => [a, 0xfd, 0x11]
/** A lane of four i32, as an i32. */
export const intOf = (a: Code, lane: number): Code => [a, 0xfd, 0x1b, lane]

/** Eight bytes at the address on the stack, the upper half zero. */
export const loadHalf = (offset: number): Code => [0xfd, 0x5d, 3, unsigned(offset)]
/** Eight unsigned bytes at the address, as i16. */
export const loadBytes = (offset: number): Code => [0xfd, 0x02, 3, unsigned(offset)]
/** The unsigned 16 bits at the address. */
export const loadShort = (offset: number): Code => [0x2f, 1, unsigned(offset)]

/** a · 2^bits of an i32. */
export const shiftInteger = (a: Code, bits: number): Code => [a, 0x41, bits, 0x74]
/** Whether an i32 is at least another, without signs. */
export const integerAtLeast = (a: Code, b: Code): Code => [a, b, 0x4f]
/** Runs `body` where the i32 `condition` is not 0, else `otherwise`. */
export const when = (condition: Code, body: Code, otherwise: Code = []): Code => [
  [condition, 0x04, 0x40, body],
  otherwise.length > 0 ? [0x05, otherwise] : [],
  0x0b,
]
