import {
  bits,
  byteLanes,
  bytes,
  type Code,
  choose,
  constant,
  f32,
  floats,
  get,
  halfBits,
  i32,
  ints,
  type Kernel,
  load,
  loadEach,
  loopBelow,
  put,
  repeat,
  step,
  store,
  storeHalf,
  storeInteger,
  transpose,
} from '@sinter/tensor-core/wasm'
import { places } from './kernel-memory.ts'

/** Which of ggml's blocks of 32 with one rounding: `steps` between the extremes, or of the largest magnitude. */
export interface Block32 {
  readonly kind: 'largest' | 'range' | 'bytes'
  /** d = largest / divisor, or (max − min) / divisor, or largest magnitude / divisor. */
  readonly divisor: number
  readonly bits: 4 | 5 | 8
}

/**
 * Values of blocks of 32 to bytes, the five encodings whose scale follows from the extremes alone; four blocks at a time, 0.6 to 1 ns
 * a value, which is the time of reading and converting them. Parameters: values, their end, the first block's bytes. Where a scale is
 * so small that its reciprocal leaves ordinary numbers, the vector at `places.steps` is set, and plain code has to do it again.
 */
export function block32Kernel(block: Block32): Kernel {
  const [values, end, out] = [0, 1, 2] as const
  const [a, b, c, d, e, f, g, h] = [3, 4, 5, 6, 7, 8, 9, 10] as const
  const [low, high, scale, inverse, odd, first, second] = [11, 12, 13, 14, 15, 16, 17] as const
  const range = block.kind === 'range'
  const head = range ? 4 : 2
  const size = head + 4 * block.bits
  const vectors = [a, b, c, d]

  const reduce: Code = [
    put(low, floats(range ? LARGEST : 0)),
    put(high, floats(range ? -LARGEST : 0)),
    repeat(8, j => [
      vectors.map((local, l) => put(local, [get(values), load(128 * l + 16 * j)])),
      transpose(vectors, [e, f, g, h]),
      vectors.map(x => take(block.kind, x, low, high, e)),
    ]),
  ]
  const putHalves = (local: number, offset: number): Code => [
    put(a, halfBits(local, [b, c])),
    repeat(4, l => [get(out), get(a), storeHalf(l * size + offset, l)]),
  ]
  const scales: Code = [
    put(scale, f32.divide(range ? f32.subtract(get(high), get(low)) : get(high), floats(block.divisor))),
    put(inverse, bits.andNot(f32.divide(floats(1), get(scale)), f32.equal(get(scale), floats(0)))),
    put(odd, bits.or(get(odd), bits.not(f32.less(f32.abs(get(inverse)), floats(1e36))))),
    [putHalves(scale, 0), range ? putHalves(low, 2) : []],
    [constant(places.lanes), get(inverse), store(0), constant(places.lanes), get(low), store(16)],
  ]
  const codes: Code = repeat(4, l => [
    put(inverse, [constant(places.lanes), loadEach(4 * l)]),
    put(low, [constant(places.lanes), loadEach(16 + 4 * l)]),
    [first, second].map((to, half) => {
      const x = (vector: number): Code => [get(values), load(128 * l + 64 * half + 16 * vector)]
      return put(to, sixteenCodes(block, x, inverse, low, a))
    }),
    putCodes(block.bits, out, l * size + head, first, second),
  ])
  const groups = loopBelow(values, end, [reduce, scales, codes, step(values, 512), step(out, 4 * size)])
  const body: Code = [put(odd, floats(0)), groups, [constant(places.steps), get(odd), store(0)]]
  return { parameters: 3, integers: 0, vectors: 15, body }
}

/** The largest finite f32. */
const LARGEST = 3.4028234663852886e38

/** Extremes in `low` and `high`; or the value of the largest magnitude in `high`, the magnitude in `low`; or the magnitude in `high`. */
function take(kind: Block32['kind'], x: number, low: number, high: number, spare: number): Code {
  if (kind === 'bytes') return put(high, f32.most(get(high), f32.abs(get(x))))
  if (kind === 'range') return [put(low, f32.least(get(low), get(x))), put(high, f32.most(get(high), get(x)))]
  return [
    put(spare, f32.abs(get(x))),
    put(high, choose(f32.less(get(low), get(spare)), get(x), get(high))),
    put(low, f32.most(get(low), get(spare))),
  ]
}

/** The float below one half: adding it and cutting off rounds halves away from zero, as C's `roundf` does. */
const ALMOST_HALF = 0.5 - 2 ** -25

/** Sixteen values to code bytes. */
function sixteenCodes(block: Block32, x: (vector: number) => Code, inverse: number, low: number, spare: number): Code {
  const level = (vector: number): Code => {
    if (block.kind === 'range')
      return f32.add(f32.multiply(f32.subtract(x(vector), get(low)), get(inverse)), floats(0.5))
    const scaled = f32.multiply(x(vector), get(inverse))
    if (block.kind === 'largest') return f32.add(scaled, floats(2 ** (block.bits - 1) + 0.5))
    const half = bits.or(bits.and(get(spare), ints(0x80000000 | 0)), floats(ALMOST_HALF))
    return [put(spare, scaled), f32.add(get(spare), half)]
  }
  // A whole number on top of 1.5·2²³ has its integer in the mantissa: quicker than a conversion that looks after NaN.
  const whole = (vector: number): Code =>
    i32.subtract(f32.add(f32.trunc(level(vector)), floats(12582912)), ints(0x4b400000))
  const shorts = [bytes.shortsOfInts(whole(0), whole(1)), bytes.shortsOfInts(whole(2), whole(3))] as const
  if (block.bits === 8) return bytes.signedOfShorts(...shorts)
  return bytes.least(bytes.ofShorts(...shorts), byteLanes(2 ** block.bits - 1))
}

/** 32 codes at `out` + offset: as they are, or as nibbles of the first sixteen below those of the second, after their fifth bits. */
function putCodes(width: Block32['bits'], out: number, offset: number, first: number, second: number): Code {
  if (width === 8) return [get(out), get(first), store(offset), get(out), get(second), store(offset + 16)]
  const nibbles = (local: number): Code => bits.and(get(local), byteLanes(15))
  const both = bits.or(nibbles(first), bytes.leftShorts(nibbles(second), 4))
  if (width === 4) return [get(out), both, store(offset)]
  const fifths = (local: number): Code => bytes.signs(bytes.left(get(local), 3))
  return [
    [get(out), fifths(first), fifths(second), constant(16), 0x74, 0x72, storeInteger(offset)],
    [get(out), both, store(offset + 4)],
  ]
}
