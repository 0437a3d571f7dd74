import { type Code, get, set } from './wasm.ts'

/**
 * Instructions on vectors of four f32 or i32 lanes, written as calls: `f32.add(a, b)` leaves a + b on the stack. Every operation is
 * rounded once, in its lane alone, as the same operation on a single f32 is.
 */
export const simd = (opcode: number): Code =>
  opcode < 0x80 ? [0xfd, opcode] : [0xfd, (opcode & 0x7f) | 0x80, opcode >> 7]
const one =
  (opcode: number) =>
  (a: Code): Code => [a, simd(opcode)]
const two =
  (opcode: number) =>
  (a: Code, b: Code): Code => [a, b, simd(opcode)]
const shift =
  (opcode: number) =>
  (a: Code, bits: number): Code => [a, 0x41, bits, simd(opcode)]

type One = (a: Code) => Code
type Two = (a: Code, b: Code) => Code
type Shift = (a: Code, bits: number) => Code
type Instructions<Ones extends string, Twos extends string, Shifts extends string = never> = Readonly<
  Record<Ones, One> & Record<Twos, Two> & Record<Shifts, Shift>
>

/** Lanes as f32. Comparisons give lanes of ones or zeros. */
export const f32: Instructions<
  'abs' | 'negate' | 'sqrt' | 'trunc' | 'nearest' | 'fromInt',
  'add' | 'subtract' | 'multiply' | 'divide' | 'equal' | 'unequal' | 'less' | 'atMost' | 'least' | 'most'
> = {
  abs: one(0xe0),
  negate: one(0xe1),
  sqrt: one(0xe3),
  trunc: one(0x69),
  /** To the nearest whole number, halves to even. */
  nearest: one(0x6a),
  fromInt: one(0xfa),
  add: two(0xe4),
  subtract: two(0xe5),
  multiply: two(0xe6),
  divide: two(0xe7),
  equal: two(0x41),
  unequal: two(0x42),
  less: two(0x43),
  atMost: two(0x45),
  /** `b < a ? b : a`: one instruction, and the first of equals. */
  least: two(0xea),
  /** `a < b ? b : a` */
  most: two(0xeb),
}

/** Lanes as i32. */
export const i32: Instructions<
  'fromFloat',
  'add' | 'subtract' | 'least' | 'most' | 'leastUnsigned' | 'mostUnsigned' | 'equal' | 'more',
  'left' | 'right' | 'rightSigned'
> = {
  /** Towards zero, saturated; NaN gives 0. */
  fromFloat: one(0xf8),
  add: two(0xae),
  subtract: two(0xb1),
  least: two(0xb6),
  leastUnsigned: two(0xb7),
  most: two(0xb8),
  mostUnsigned: two(0xb9),
  equal: two(0x37),
  more: two(0x3b),
  left: shift(0xab),
  right: shift(0xad),
  rightSigned: shift(0xac),
}

/** Sixteen bytes as bits. */
export const bits: Instructions<'not', 'and' | 'or' | 'xor' | 'andNot'> = {
  not: one(0x4d),
  and: two(0x4e),
  /** a and not b */
  andNot: two(0x4f),
  or: two(0x50),
  xor: two(0x51),
}

/** Sixteen bytes, and the way between bytes, shorts and ints. Narrowing saturates; `low` and `high` widen one half. */
export const bytes: Instructions<
  'lowShorts' | 'highShorts' | 'lowInts' | 'highInts' | `${'low' | 'high'}Signed${'Shorts' | 'Ints'}` | 'signs',
  'shortsOfInts' | 'halvesOfInts' | 'equal' | 'signedOfShorts' | 'ofShorts' | 'add' | 'subtract' | 'least',
  'left' | 'right' | 'leftShorts' | 'rightShorts'
> = {
  lowShorts: one(0x89),
  highShorts: one(0x8a),
  lowInts: one(0xa9),
  highInts: one(0xaa),
  lowSignedShorts: one(0x87),
  highSignedShorts: one(0x88),
  lowSignedInts: one(0xa7),
  highSignedInts: one(0xa8),
  /** An i32, not a vector: the highest bit of each byte. */
  signs: one(0x64),
  shortsOfInts: two(0x85),
  /** … to u16. */
  halvesOfInts: two(0x86),
  signedOfShorts: two(0x65),
  ofShorts: two(0x66),
  equal: two(0x23),
  add: two(0x6e),
  subtract: two(0x71),
  least: two(0x77),
  left: shift(0x6b),
  right: shift(0x6d),
  leftShorts: shift(0x8b),
  rightShorts: shift(0x8d),
}

/** Bits of `a` where `mask` has ones, else of `b`. */
export const choose = (mask: Code, a: Code, b: Code): Code => [a, b, mask, simd(0x52)]
/** An i32, not a vector: whether any bit is set. */
export const any: One = one(0x53)

const literal = (bytes: ArrayBuffer): Code => [0xfd, 0x0c, ...new Uint8Array(bytes)]
/** The same f32 in all lanes. */
export const floats = (value: number): Code => literal(Float32Array.of(value, value, value, value).buffer)
export const ints = (value: number): Code => literal(Int32Array.of(value, value, value, value).buffer)
export const byteLanes = (...values: readonly number[]): Code =>
  literal(Uint8Array.from({ length: 16 }, (_, i) => values[i % values.length]!).buffer)

/** The f32 or i32 at the address on the stack, in all lanes. */
export const loadEach = (offset: number): Code => [0xfd, 0x09, 2, address(offset)]
/** The i16 at the address on the stack, in all eight places. */
export const loadEachHalf = (offset: number): Code => [0xfd, 0x08, 1, address(offset)]
/** The f32 in the first lane, zeros in the others. */
export const loadFirst = (offset: number): Code => [0xfd, 0x5c, 2, address(offset)]
/** Stores one lane; address and vector are on the stack. */
export const storeLane = (offset: number, lane: number): Code => [0xfd, 0x5a, 2, address(offset), lane]
/** Stores the lower half of a lane. */
export const storeHalf = (offset: number, lane: number): Code => [0xfd, 0x59, 1, address(offset), 2 * lane]
/** Stores an i32; address and value are on the stack. */
export const storeInteger = (offset: number): Code => [0x36, 2, address(offset)]
/** Bytes `pick` of the 32 of two vectors. */
export const shuffle = (a: Code, b: Code, pick: readonly number[]): Code => [a, b, 0xfd, 0x0d, ...pick]
/** Lanes `pick` of the eight of two vectors. */
export const shuffleLanes = (a: Code, b: Code, pick: readonly number[]): Code =>
  shuffle(
    a,
    b,
    pick.flatMap(lane => [0, 1, 2, 3].map(byte => 4 * lane + byte)),
  )

/** Turns four vectors, in locals, on their diagonal: lane l of vector v becomes lane v of vector l. `spare`: four more locals. */
export function transpose(vectors: readonly number[], spare: readonly number[]): Code {
  const [a, b, c, d] = vectors.map(get) as [Code, Code, Code, Code]
  const [t, u, v, w] = spare.map(get) as [Code, Code, Code, Code]
  const low = [0, 4, 1, 5]
  const high = [2, 6, 3, 7]
  return [
    [shuffleLanes(a, b, low), set(spare[0]!), shuffleLanes(a, b, high), set(spare[1]!)],
    [shuffleLanes(c, d, low), set(spare[2]!), shuffleLanes(c, d, high), set(spare[3]!)],
    [shuffleLanes(t, v, [0, 1, 4, 5]), set(vectors[0]!), shuffleLanes(t, v, [2, 3, 6, 7]), set(vectors[1]!)],
    [shuffleLanes(u, w, [0, 1, 4, 5]), set(vectors[2]!), shuffleLanes(u, w, [2, 3, 6, 7]), set(vectors[3]!)],
  ]
}

function address(value: number): Code {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...address(value >>> 7)]
}
