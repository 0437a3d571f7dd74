import {
  and,
  type Code,
  constant,
  f32x4,
  get,
  i8x16,
  i16x8,
  i32x4,
  type Kernel,
  load,
  loopBelow,
  or,
  plus,
  put,
  repeat,
  type Simd,
  simdKernels,
  step,
  store,
} from '@sinter/tensor-core/wasm'
import { iq4Levels } from './iq4-levels.ts'

/** All numbers are byte addresses or byte counts; values, weights and importances are f32 in blocks of 32. */
interface Iq4Kernels {
  /** Σ v² of four groups of `groupBytes` at a time, in order, for each group up to the one at `end`. */
  squares(values: number, sums: number, groupBytes: number, end: number): void
  /** Weights of errors: v². */
  weights(values: number, weights: number, end: number): void
  /** Weights of errors: importance · √(energy + v²), one energy for each block. */
  weightsOfImportance(values: number, weights: number, importance: number, energies: number, end: number): void
  /**
   * For each block and each of 16 trials, with q the level nearest to v·inverse: Σ w·q·v, and Σ w·q².
   * @param inverses twice the inverse of each trial's scale, [blocks, 16]
   * @param sums [blocks, 2, 16]
   */
  trials(values: number, weights: number, inverses: number, sums: number, end: number): void
  /** Indices of the nearest levels, a nibble each: value j of a block in the low half of byte j, value j + 16 in its high half. */
  codes(values: number, inverses: number, out: number, end: number): void
}

export const iq4Kernels: (bytes: number) => Simd<Iq4Kernels> = simdKernels<Iq4Kernels>(() => ({
  squares: squaresKernel(),
  weights: weightsKernel(),
  weightsOfImportance: weightsOfImportanceKernel(),
  trials: trialsKernel(),
  codes: codesKernel(),
}))

/** Each sum is one chain of additions, as ggml's loop is; four of them run at once. */
function squaresKernel(): Kernel {
  const [values, sums, groupBytes, end, at, stop, value, sum] = [0, 1, 2, 3, 4, 5, 6, 7] as const
  const chains = 4
  const pointers = (c: number): Code => (c === 0 ? get(at) : [get(at), repeat(c, () => [get(groupBytes), plus])])
  const square = (c: number): Code => [
    put(value, [pointers(c), f32x4.loadLow()]),
    put(sum + c, [get(sum + c), get(value), get(value), f32x4.multiply, f32x4.add]),
  ]
  const body: Code = [
    put(at, get(values)),
    put(stop, [get(values), get(groupBytes), plus]),
    repeat(chains, c => put(sum + c, f32x4.splat(0))),
    loopBelow(at, stop, [repeat(chains, square), step(at, 4)]),
    repeat(chains, c => [get(sums), get(sum + c), f32x4.storeLow(4 * c)]),
    step(sums, 4 * chains),
    repeat(chains, () => put(values, [get(values), get(groupBytes), plus])),
  ]
  return { parameters: 4, integers: 2, vectors: 1 + chains, body: loopBelow(values, end, body) }
}

function weightsKernel(): Kernel {
  const [values, weights, end, value] = [0, 1, 2, 3] as const
  const body: Code = [
    put(value, [get(values), load(0)]),
    [get(weights), get(value), get(value), f32x4.multiply, store(0)],
    step(values, 16),
    step(weights, 16),
  ]
  return { parameters: 3, integers: 0, vectors: 1, body: loopBelow(values, end, body) }
}

function weightsOfImportanceKernel(): Kernel {
  const [values, weights, importance, energies, end, value, energy] = [0, 1, 2, 3, 4, 5, 6] as const
  const four = (i: number): Code => [
    put(value, [get(values), load(16 * i)]),
    get(weights),
    [get(importance), load(16 * i)],
    [get(energy), get(value), get(value), f32x4.multiply, f32x4.add, f32x4.sqrt],
    [f32x4.multiply, store(16 * i)],
  ]
  const body: Code = [
    put(energy, [get(energies), f32x4.loadSplat()]),
    repeat(8, four),
    step(values, 128),
    step(weights, 128),
    step(importance, 128),
    step(energies, 4),
  ]
  return { parameters: 5, integers: 0, vectors: 2, body: loopBelow(values, end, body) }
}

/**
 * The nearest of 16 levels without a branch. The middles between neighbours are multiples of ½, so ⌊2v⌋ decides exactly; 32 steps
 * of it make a bucket, none of which has more than two middles.
 */
const middles = iq4Levels.slice(1).map((level, i) => level + iq4Levels[i]!)
const origin = 256
const buckets = Array.from({ length: 16 }, (_, b) => {
  const start = 32 * b - origin
  const [first = 127, second = 127] = middles.filter(m => m >= start && m < start + 32).map(m => m - start)
  return { below: middles.filter(m => m < start).length, first, second }
})

/** 1.5 · 2²³: what is added to it has its whole part in the low bits. */
const magic = 12582912
const magicBits = 0x4b400000

/**
 * From four vectors of doubled scaled values to 16 indices of levels, in `bucket`. NaN has the last level, as in ggml's search.
 * @param scaled first of four locals; overwritten
 * @param bucket first of two locals
 */
function indicesOf(scaled: number, bucket: number): Code {
  const rest = bucket + 1
  const whole = (i: number): Code =>
    put(scaled + i, [
      [f32x4.splat(origin - 1), get(scaled + i), f32x4.smaller, f32x4.splat(-origin), f32x4.larger, f32x4.floor],
      [f32x4.splat(magic), f32x4.add, i32x4.splat(magicBits - origin), i32x4.subtract],
    ])
  const pair = (i: number): Code =>
    put(scaled + i, [get(scaled + 2 * i), get(scaled + 2 * i + 1), i16x8.narrow])
  const shifted = (i: number): Code => [get(scaled + i), i16x8.shiftRight(5)]
  const remainder = (i: number): Code => [get(scaled + i), i16x8.splat(31), and]
  const table = (of: (b: (typeof buckets)[number]) => number): Code => [
    i8x16.of(buckets.map(of)),
    get(bucket),
    i8x16.swizzle,
  ]
  return [
    repeat(4, whole),
    repeat(2, pair),
    put(bucket, [shifted(0), shifted(1), i8x16.narrow]),
    put(rest, [remainder(0), remainder(1), i8x16.narrow]),
    put(bucket, [
      table(b => b.below),
      [get(rest), table(b => b.first), i8x16.atLeast, i8x16.subtract],
      [get(rest), table(b => b.second), i8x16.atLeast, i8x16.subtract],
    ]),
  ]
}

function trialsKernel(): Kernel {
  const [values, weights, inverses, sums, end, stop] = [0, 1, 2, 3, 4, 5] as const
  const [value, weight, weighted, inverse, products, squares, scaled, bucket] = [6, 7, 8, 9, 13, 17, 21, 25] as const
  const half = (h: number): Code => [get(bucket), h < 2 ? i16x8.extendLow : i16x8.extendHigh]
  const level = (i: number): Code => [
    half(i),
    i % 2 === 0 ? i32x4.extendLow : i32x4.extendHigh,
    f32x4.fromIntegers,
  ]
  const accumulate = (i: number): Code => [
    put(scaled, level(i)),
    put(weighted, [get(scaled), get(weight), f32x4.multiply]),
    put(products + i, [get(products + i), get(weighted), get(value), f32x4.multiply, f32x4.add]),
    put(squares + i, [get(squares + i), get(weighted), get(scaled), f32x4.multiply, f32x4.add]),
  ]
  const element: Code = [
    put(value, [get(values), f32x4.loadSplat()]),
    put(weight, [get(weights), f32x4.loadSplat()]),
    repeat(4, i => put(scaled + i, [get(inverse + i), get(value), f32x4.multiply])),
    indicesOf(scaled, bucket),
    put(bucket, [i8x16.of(iq4Levels), get(bucket), i8x16.swizzle]),
    repeat(4, accumulate),
    step(values, 4),
    step(weights, 4),
  ]
  const block: Code = [
    repeat(4, i => [put(inverse + i, [get(inverses), load(16 * i)]), put(products + i, f32x4.splat(0))]),
    repeat(4, i => put(squares + i, f32x4.splat(0))),
    put(stop, [get(values), constant(128), plus]),
    loopBelow(values, stop, element),
    repeat(4, i => [get(sums), get(products + i), store(16 * i), get(sums), get(squares + i), store(64 + 16 * i)]),
    step(inverses, 64),
    step(sums, 128),
  ]
  return { parameters: 5, integers: 1, vectors: 21, body: loopBelow(values, end, block) }
}

function codesKernel(): Kernel {
  const [values, inverses, out, end, inverse, scaled, bucket, low] = [0, 1, 2, 3, 4, 5, 9, 11] as const
  const doubled = (value: Code, of: number): Code => [put(of, value), put(of, [get(of), get(of), f32x4.add])]
  const half = (h: number): Code => [
    repeat(4, i => doubled([get(values), load(64 * h + 16 * i), get(inverse), f32x4.multiply], scaled + i)),
    indicesOf(scaled, bucket),
  ]
  const block: Code = [
    put(inverse, [get(inverses), f32x4.loadSplat()]),
    half(0),
    put(low, get(bucket)),
    half(1),
    [get(out), get(low), get(bucket), i16x8.shiftLeft(4), or, store(0)],
    step(values, 128),
    step(inverses, 4),
    step(out, 16),
  ]
  return { parameters: 4, integers: 0, vectors: 8, body: loopBelow(values, end, block) }
}
