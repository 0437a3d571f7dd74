import {
  bits,
  byteLanes,
  bytes,
  type Code,
  f32,
  floats,
  get,
  halfValues,
  ints,
  type Kernel,
  load,
  loadEach,
  loadEachHalf,
  loopBelow,
  put,
  repeat,
  shuffle,
  step,
  store,
} from '@sinter/tensor-core/wasm'
import { sub } from './kernel-memory.ts'

/** How the codes of a block lie in its bytes. */
export interface CodeLayout {
  readonly blockBytes: number
  readonly blockSize: number
  /** Values with a scale (and minimum) of their own. */
  readonly length: number
  /** The code that stands for 0. */
  readonly zero: number
  /** Where the block itself begins with its scale, and perhaps its minimum, as halves. */
  readonly halves?: 'scale' | 'scale and min'
  /** Leaves sixteen codes, values 16·v …, a byte each; `block` is the local with the block's address. */
  readonly codes: (block: number, v: number) => Code
}

/**
 * Blocks to f32, `(code − zero) · step − min`: parameters are the bytes, their end, the first sub-block's place in the arrays (steps where
 * scales are, mins where mins are) and the values. Blocks that begin with their scale need no arrays. Products of a code and a step are exact in f32, so there is one rounding, ggml's.
 * 0.2 ns a value.
 */
export function expandKernel(layout: CodeLayout): Kernel {
  const { blockBytes, blockSize, length, zero, codes } = layout
  const [block, end, at, values, size, min, sixteen, half] = [0, 1, 2, 3, 4, 5, 6, 7] as const
  const four = (vector: number, offset: number, widen: 'lowSignedInts' | 'highSignedInts'): Code => {
    const value = f32.subtract(f32.multiply(f32.fromInt(bytes[widen](get(half))), get(size)), get(min))
    return [get(values), value, store(64 * vector + offset)]
  }
  const some = (v: number): Code => [
    put(sixteen, zero === 0 ? codes(block, v) : bytes.subtract(codes(block, v), byteLanes(zero))),
    [put(half, bytes.lowSignedShorts(get(sixteen))), four(v, 0, 'lowSignedInts'), four(v, 16, 'highSignedInts')],
    [put(half, bytes.highSignedShorts(get(sixteen))), four(v, 32, 'lowSignedInts'), four(v, 48, 'highSignedInts')],
  ]
  const perSub = length / 16
  const grid = (s: number): Code => [
    put(size, [get(at), loadEach(sub.scales + 4 * s)]),
    put(min, [get(at), loadEach(sub.mins + 4 * s)]),
  ]
  const body = loopBelow(block, end, [
    repeat(blockSize / 16, v => [
      v % perSub === 0 ? (layout.halves ? ownGrid(layout.halves, block, size, min) : grid(v / perSub)) : [],
      some(v),
    ]),
    [step(block, blockBytes), step(at, 4 * (blockSize / length)), step(values, 4 * blockSize)],
  ])
  return { parameters: 4, integers: 0, vectors: 4, body }
}

/** Scale and lowering from the first halves of a block. */
function ownGrid(halves: 'scale' | 'scale and min', block: number, size: number, min: number): Code {
  const half = (offset: number): Code => bits.and([get(block), loadEachHalf(offset)], ints(0xffff))
  return [
    [put(size, half(0)), put(size, halfValues(size))],
    halves === 'scale' ? put(min, floats(0)) : [put(min, half(2)), put(min, f32.negate(halfValues(min)))],
  ]
}

export const at = (block: number, offset: number): Code => [get(block), load(offset)]

/** `count` bits from bit `from` of each byte on, moved to bit `to`. Nothing crosses a byte, so shorts are shifted. */
export function moved(value: Code, from: number, count: number, to: number): Code {
  const field = bits.and(value, byteLanes(((1 << count) - 1) << from))
  if (from === to) return field
  return from > to ? bytes.rightShorts(field, from - to) : bytes.leftShorts(field, to - from)
}

/** Blocks of 32: values 0 … 15 in the lower nibbles, 16 … 31 in the upper. */
export const nibbles32 =
  (offset: number) =>
  (block: number, v: number): Code =>
    moved(at(block, offset), 4 * v, 4, 0)

/** … with bit i of four bytes before them as the fifth of value i. */
const fiveBits32 =
  (offset: number) =>
  (block: number, v: number): Code => {
    const one = ownBit([get(block), loadEach(offset)], 2 * v)
    return bits.or(nibbles32(offset + 4)(block, v), bits.and(one, byteLanes(16)))
  }

/** Ones in the bytes whose bit is set, sixteen bits from byte `from` of `source` on. */
export function ownBit(source: Code, from: number): Code {
  const theirs = shuffle(source, source, [...new Array<number>(8).fill(from), ...new Array<number>(8).fill(from + 1)])
  return bytes.equal(bits.and(theirs, powers), powers)
}
const powers = byteLanes(1, 2, 4, 8, 16, 32, 64, 128)

/** Super-blocks: value i is in the part of 16 … */
const within = (v: number, count: number): number => 16 * (v % (count / 16))

/** … two bits: a half of 128 values in 32 bytes, as four planes. */
export const twoBits = (offset: number, block: number, v: number): Code =>
  moved(at(block, offset + 32 * (v >> 3) + within(v, 32)), 2 * ((v >> 1) & 3), 2, 0)

/** Four bits: 64 values in 32 bytes. */
const nibbles = (offset: number, block: number, v: number): Code =>
  moved(at(block, offset + 32 * (v >> 2) + within(v, 32)), 4 * ((v >> 1) & 1), 4, 0)

/** One bit of 256 values in 32 bytes, as eight planes. */
const plane = (offset: number, block: number, v: number, to: number): Code =>
  moved(at(block, offset + within(v, 32)), v >> 1, 1, to)

const sixBits = (block: number, v: number): Code => {
  const [half, part] = [v >> 3, (v >> 1) & 3]
  const low = moved(at(block, 64 * half + 32 * (part & 1) + within(v, 32)), 4 * (part >> 1), 4, 0)
  return bits.or(low, moved(at(block, 128 + 32 * half + within(v, 32)), 2 * part, 2, 4))
}

const small = { blockSize: 32, length: 32 } as const
const large = { blockSize: 256 } as const

export const layouts: Readonly<Record<Decoded, CodeLayout>> = {
  Q4_0: { ...small, halves: 'scale', blockBytes: 18, zero: 8, codes: nibbles32(2) },
  Q4_1: { ...small, halves: 'scale and min', blockBytes: 20, zero: 0, codes: nibbles32(4) },
  Q5_0: { ...small, halves: 'scale', blockBytes: 22, zero: 16, codes: fiveBits32(2) },
  Q5_1: { ...small, halves: 'scale and min', blockBytes: 24, zero: 0, codes: fiveBits32(4) },
  Q8_0: { ...small, halves: 'scale', blockBytes: 34, zero: 0, codes: (block, v) => at(block, 2 + 16 * v) },
  Q2_K: { ...large, blockBytes: 84, length: 16, zero: 0, codes: (block, v) => twoBits(16, block, v) },
  Q3_K: {
    ...large,
    blockBytes: 110,
    length: 16,
    zero: 4,
    codes: (block, v) => bits.or(twoBits(32, block, v), plane(0, block, v, 2)),
  },
  Q4_K: { ...large, blockBytes: 144, length: 32, zero: 0, codes: (block, v) => nibbles(16, block, v) },
  Q5_K: {
    ...large,
    blockBytes: 176,
    length: 32,
    zero: 0,
    codes: (block, v) => bits.or(nibbles(48, block, v), plane(16, block, v, 4)),
  },
  Q6_K: { ...large, blockBytes: 210, length: 16, zero: 32, codes: sixBits },
}

export type Decoded = 'Q4_0' | 'Q4_1' | 'Q5_0' | 'Q5_1' | 'Q8_0' | 'Q2_K' | 'Q3_K' | 'Q4_K' | 'Q5_K' | 'Q6_K'
