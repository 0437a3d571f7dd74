import {
  bits,
  byteLanes,
  bytes,
  bytesMore,
  type Code,
  ceil,
  f32,
  floats,
  get,
  i32,
  ints,
  type Kernel,
  load,
  loadEach,
  lookUp,
  loopBelow,
  magnitudesOfBytes,
  put,
  repeat,
  shuffle,
  step,
  store,
  storeLane,
} from '@sinter/tensor-core/wasm'

/** Twice the middles between the magnitudes of E2M1; what lies on one goes to the smaller. */
const twiceMiddles = [1, 3, 5, 7, 10, 14, 20]

/**
 * MXFP4: levels of 32 values whose scale is a power of two. After the end: twice the inverse of each block's scale, and the blocks.
 * The middles between levels are multiples of ½, and what lies on one goes to the smaller: ⌈2 |v| / scale⌉ decides.
 */
export function mxfp4Kernel(): Kernel {
  const [values, end, inverses, out, inverse, scaled, code, first] = [0, 1, 2, 3, 4, 5, 6, 7] as const
  const table = Array.from({ length: 32 }, (_, c) => twiceMiddles.filter(middle => middle < c).length)
  const whole = (offset: number): Code => [
    put(scaled, f32.multiply([get(values), load(offset)], get(inverse))),
    i32.subtract(
      f32.add(
        bits.or(f32.least(floats(21), ceil(f32.abs(get(scaled)))), bits.and(get(scaled), ints(0x80000000 | 0))),
        floats(12582912),
      ),
      ints(0x4b400000),
    ),
  ]
  const pair = (offset: number): Code => bytes.shortsOfInts(whole(offset), whole(offset + 16))
  const magnitude = magnitudesOfBytes(get(code))
  const level = bits.or(
    lookUp(byteLanes(...table.slice(0, 16)), magnitude),
    lookUp(byteLanes(...table.slice(16)), bytes.subtract(magnitude, byteLanes(16))),
  )
  const sign = bits.and(bytes.rightShorts(get(code), 4), byteLanes(8))
  const sixteen = (v: number): Code => [
    put(code, bytes.signedOfShorts(pair(64 * v), pair(64 * v + 32))),
    put(scaled, level),
    put(code, bits.or(get(scaled), bits.and(sign, bytesMore(get(scaled), byteLanes(0))))),
  ]
  const block: Code = [
    put(inverse, [get(inverses), loadEach(0)]),
    [sixteen(0), put(first, get(code)), sixteen(1)],
    [get(out), bits.or(get(first), bytes.leftShorts(get(code), 4)), store(1)],
    [step(values, 128), step(inverses, 4), step(out, 17)],
  ]
  return { parameters: 4, integers: 0, vectors: 4, body: loopBelow(values, end, block) }
}

/** NVFP4: levels of four times 16 values with scales of their own. After the end: the scales, and the blocks. */
export function nvfp4Kernel(): Kernel {
  const [values, end, scales, out, value, level, codes, bounds] = [0, 1, 2, 3, 4, 5, 6, 7] as const
  const four = (offset: number): Code => [
    put(value, [get(values), load(offset)]),
    put(level, ints(0)),
    twiceMiddles.map((_, k) => put(level, i32.subtract(get(level), f32.less(get(bounds + k), f32.abs(get(value)))))),
    bits.or(get(level), bits.and(bits.and(i32.right(get(value), 28), ints(8)), i32.more(get(level), ints(0)))),
  ]
  const pair = (offset: number): Code => bytes.shortsOfInts(four(offset), four(offset + 16))
  const upper = shuffle(get(codes), get(codes), [8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7])
  const part = (s: number): Code => [
    put(value, [get(scales), loadEach(4 * s)]),
    twiceMiddles.map((middle, k) => put(bounds + k, f32.multiply(get(value), floats(middle / 2)))),
    put(codes, bytes.ofShorts(pair(64 * s), pair(64 * s + 32))),
    put(codes, bits.or(get(codes), bytes.leftShorts(upper, 4))),
    [0, 1].map(lane => [get(out), get(codes), storeLane(4 + 8 * s + 4 * lane, lane)]),
  ]
  const body = loopBelow(values, end, [repeat(4, part), step(values, 256), step(scales, 16), step(out, 36)])
  return { parameters: 4, integers: 0, vectors: 3 + twiceMiddles.length, body }
}
