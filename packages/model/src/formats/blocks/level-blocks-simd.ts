import {
  bits,
  byteLanes,
  bytes,
  bytesMore,
  type Code,
  constant,
  f32,
  floats,
  get,
  i32,
  ints,
  type Kernel,
  load,
  loadEach,
  loadFirst,
  loopBelow,
  plus,
  put,
  repeat,
  shuffleLanes,
  step,
  store,
  storeLane,
} from '@sinter/tensor-core/wasm'

/**
 * Largest magnitude of each block of `size` values, an f32 at `out`, and behind it 0 where all of them are finite, else NaN.
 * Parameters of this and the kernels below begin with the values and their end.
 */
export function largestKernel(size: number): Kernel {
  const [values, end, out, most, finite, value] = [0, 1, 2, 3, 4, 5] as const
  const one = (v: number): Code => [
    put(value, [get(values), load(16 * v)]),
    put(most, f32.most(get(most), f32.abs(get(value)))),
    put(finite, f32.add(get(finite), f32.multiply(get(value), floats(0)))),
  ]
  const folded = (local: number, by: (a: Code, b: Code) => Code, pick: readonly number[]): Code =>
    put(local, by(get(local), shuffleLanes(get(local), get(local), pick)))
  const halves = [
    [2, 3, 0, 1],
    [1, 0, 3, 2],
  ]
  const block: Code = [
    [put(most, floats(0)), put(finite, floats(0))],
    repeat(size / 4, one),
    halves.map(pick => [folded(most, f32.most, pick), folded(finite, f32.add, pick)]),
    [get(out), get(most), storeLane(0, 0), get(out), get(finite), storeLane(4, 0)],
    [step(values, 4 * size), step(out, 8)],
  ]
  return { parameters: 3, integers: 0, vectors: 3, body: loopBelow(values, end, block) }
}

/** Σ |v| of each block of 128, four blocks at a time; the sum of each is one chain of additions, as ggml's loop is. */
export function sumsKernel(): Kernel {
  const [values, end, out, at, stop, sum] = [0, 1, 2, 3, 4, 5] as const
  const one = (c: number): Code => put(sum + c, f32.add(get(sum + c), f32.abs([get(at), loadFirst(512 * c)])))
  const four: Code = [
    [put(at, get(values)), put(stop, [get(values), constant(512), plus])],
    repeat(4, c => put(sum + c, floats(0))),
    loopBelow(at, stop, [repeat(4, one), step(at, 4)]),
    repeat(4, c => [get(out), get(sum + c), storeLane(4 * c, 0)]),
    [step(values, 2048), step(out, 16)],
  ]
  return { parameters: 3, integers: 2, vectors: 4, body: loopBelow(values, end, four) }
}

/** How blocks lie in bytes whose values are rounded to -1, 0 and 1 times the largest: `pack` has 16 codes 0, 1, 2 at value 16·v. */
export interface Ternary {
  readonly size: 64 | 256
  readonly blockBytes: number
  readonly pack: (codes: (v: number) => Code, out: number, spare: number) => Code
}

/** After the end: the inverse of the largest of each block, and the blocks. */
export function ternaryKernel({ size, blockBytes, pack }: Ternary): Kernel {
  const [values, end, inverses, out, inverse, scaled, spare] = [0, 1, 2, 3, 4, 5, 6] as const
  // Half of a unit less its last bit, on top, and cut off: halves go away from zero, as with C's `lroundf`.
  const half = bits.or(bits.and(get(scaled), ints(0x80000000 | 0)), floats(0.5 - 2 ** -25))
  const rounded = (offset: number): Code => [
    put(scaled, f32.multiply([get(values), load(offset)], get(inverse))),
    i32.subtract(f32.add(f32.trunc(f32.add(get(scaled), half)), floats(12582912)), ints(0x4b400000 - 1)),
  ]
  const codes = (v: number): Code =>
    bytes.ofShorts(
      bytes.shortsOfInts(rounded(64 * v), rounded(64 * v + 16)),
      bytes.shortsOfInts(rounded(64 * v + 32), rounded(64 * v + 48)),
    )
  const block: Code = [
    put(inverse, [get(inverses), loadEach(0)]),
    pack(codes, out, spare),
    [step(values, 4 * size), step(inverses, 4), step(out, blockBytes)],
  ]
  return { parameters: 4, integers: 0, vectors: 4, body: loopBelow(values, end, block) }
}

const shifted = (value: Code, count: number): Code => (count === 0 ? value : bytes.leftShorts(value, count))

/** Four planes of 32 values in a half of 128. */
export const packTQ2_0: Ternary['pack'] = (codes, out) =>
  repeat(4, part => {
    const [half, v] = [part >> 1, part & 1]
    const plane = (n: number): Code => shifted(codes(8 * half + 2 * n + v), 2 * n)
    return [get(out), [1, 2, 3].reduce((all: Code, n) => bits.or(all, plane(n)), plane(0)), store(32 * half + 16 * v)]
  })

/** Five trits as a fraction of 243 in 256ths, rounded up: q + ⌈13 q / 243⌉, which is how many of these bounds q is above. */
const bounds = Array.from({ length: 13 }, (_, k) => Math.floor((243 * k) / 13))

export const packTQ1_0: Ternary['pack'] = (codes, out, spare) => {
  const tripled: Code = bytes.add(bytes.add(get(spare), get(spare)), get(spare))
  const fraction: Code = bounds.reduce(
    (sum: Code, bound) => bytes.subtract(sum, bytesMore(get(spare), byteLanes(bound))),
    get(spare),
  )
  const five = (first: number, apart: number, at: number): Code => [
    put(spare, codes(first)),
    repeat(4, n => put(spare, bytes.add(tripled, codes(first + (n + 1) * apart)))),
    [get(out), fraction, store(at)],
  ]
  return [five(0, 2, 0), five(1, 2, 16), five(10, 1, 32), fourTrits(codes, out, spare, tripled, fraction)]
}

/** The last 16 values, four bytes apart: byte j has trits j, j + 4, j + 8, j + 12. */
function fourTrits(codes: (v: number) => Code, out: number, spare: number, tripled: Code, fraction: Code): Code {
  const turned = spare + 1
  const quarter = (n: number): Code => shuffleLanes(get(turned), get(turned), [n, n, n, n])
  return [
    put(turned, codes(15)),
    put(spare, quarter(0)),
    repeat(3, n => put(spare, bytes.add(tripled, quarter(n + 1)))),
    put(spare, tripled),
    put(spare, fraction),
    [get(out), get(spare), storeLane(48, 0)],
  ]
}

/** Four neighbours in a byte. */
export const packQ2_0: Ternary['pack'] = (codes, out, spare) => {
  const four = (v: number): Code => [
    put(spare, codes(v)),
    [6, 12, 18].reduce((all: Code, n) => bits.or(all, i32.right(get(spare), n)), get(spare)),
  ]
  const ints4 = (v: number): Code => bits.and(four(v), ints(255))
  const sixteen = bytes.ofShorts(bytes.shortsOfInts(ints4(0), ints4(1)), bytes.shortsOfInts(ints4(2), ints4(3)))
  return [get(out), sixteen, store(2)]
}

/** Q1_0: signs of 128 values. After the end: the blocks. */
export function signsKernel(): Kernel {
  const [values, end, out, mask] = [0, 1, 2, 3] as const
  const positive = (offset: number): Code => f32.atMost(floats(0), [get(values), load(offset)])
  const pair = (offset: number): Code => bytes.shortsOfInts(positive(offset), positive(offset + 16))
  const sixteen = (v: number): Code => [
    put(mask, bytes.signedOfShorts(pair(64 * v), pair(64 * v + 32))),
    [get(out), bytes.signs(get(mask)), 0x3b, 1, 2 + 2 * v],
  ]
  const body = loopBelow(values, end, [repeat(8, sixteen), step(values, 512), step(out, 18)])
  return { parameters: 3, integers: 0, vectors: 1, body }
}
