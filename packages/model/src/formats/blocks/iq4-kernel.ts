import {
  bits,
  byteLanes,
  bytes,
  bytesAtLeast,
  type Code,
  constant,
  f32,
  floats,
  floor,
  get,
  i32,
  ints,
  type Kernel,
  load,
  loadEach,
  loadFirst,
  lookUp,
  loopBelow,
  plus,
  put,
  repeat,
  type Simd,
  shortLanes,
  simdKernels,
  step,
  store,
  storeLane,
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
  const pointer = (c: number): Code => [get(at), repeat(c, () => [get(groupBytes), plus])]
  const square = (c: number): Code => [
    put(value, [pointer(c), loadFirst(0)]),
    put(sum + c, f32.add(get(sum + c), f32.multiply(get(value), get(value)))),
  ]
  const body: Code = [
    put(at, get(values)),
    put(stop, [get(values), get(groupBytes), plus]),
    repeat(chains, c => put(sum + c, floats(0))),
    loopBelow(at, stop, [repeat(chains, square), step(at, 4)]),
    repeat(chains, c => [get(sums), get(sum + c), storeLane(4 * c, 0)]),
    step(sums, 4 * chains),
    repeat(chains, () => put(values, [get(values), get(groupBytes), plus])),
  ]
  return { parameters: 4, integers: 2, vectors: 1 + chains, body: loopBelow(values, end, body) }
}

function weightsKernel(): Kernel {
  const [values, weights, end, value] = [0, 1, 2, 3] as const
  const body: Code = [
    put(value, [get(values), load(0)]),
    [get(weights), f32.multiply(get(value), get(value)), store(0)],
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
    f32.multiply([get(importance), load(16 * i)], f32.sqrt(f32.add(get(energy), f32.multiply(get(value), get(value))))),
    store(16 * i),
  ]
  const body: Code = [
    put(energy, [get(energies), loadEach(0)]),
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
  const bounded = (i: number): Code => f32.most(f32.least(floats(origin - 1), get(scaled + i)), floats(-origin))
  const whole = (i: number): Code =>
    put(scaled + i, i32.subtract(f32.add(floor(bounded(i)), floats(magic)), ints(magicBits - origin)))
  const pair = (i: number): Code => put(scaled + i, bytes.shortsOfInts(get(scaled + 2 * i), get(scaled + 2 * i + 1)))
  const shifted = (i: number): Code => bytes.rightShorts(get(scaled + i), 5)
  const remainder = (i: number): Code => bits.and(get(scaled + i), shortLanes(31))
  const table = (of: (b: (typeof buckets)[number]) => number): Code =>
    lookUp(byteLanes(...buckets.map(of)), get(bucket))
  const passed = (middle: 'first' | 'second'): Code =>
    bytesAtLeast(
      get(rest),
      table(b => b[middle]),
    )
  return [
    repeat(4, whole),
    repeat(2, pair),
    put(bucket, bytes.ofShorts(shifted(0), shifted(1))),
    put(rest, bytes.ofShorts(remainder(0), remainder(1))),
    put(
      bucket,
      bytes.subtract(
        bytes.subtract(
          table(b => b.below),
          passed('first'),
        ),
        passed('second'),
      ),
    ),
  ]
}

function trialsKernel(): Kernel {
  const [values, weights, inverses, sums, end, stop] = [0, 1, 2, 3, 4, 5] as const
  const [value, weight, weighted, inverse, products, squares, scaled, bucket] = [6, 7, 8, 9, 13, 17, 21, 25] as const
  const half = (i: number): Code => (i < 2 ? bytes.lowSignedShorts : bytes.highSignedShorts)(get(bucket))
  const level = (i: number): Code => f32.fromInt((i % 2 === 0 ? bytes.lowSignedInts : bytes.highSignedInts)(half(i)))
  const accumulate = (i: number): Code => [
    put(scaled, level(i)),
    put(weighted, f32.multiply(get(scaled), get(weight))),
    put(products + i, f32.add(get(products + i), f32.multiply(get(weighted), get(value)))),
    put(squares + i, f32.add(get(squares + i), f32.multiply(get(weighted), get(scaled)))),
  ]
  const element: Code = [
    put(value, [get(values), loadEach(0)]),
    put(weight, [get(weights), loadEach(0)]),
    repeat(4, i => put(scaled + i, f32.multiply(get(inverse + i), get(value)))),
    indicesOf(scaled, bucket),
    put(bucket, lookUp(byteLanes(...iq4Levels), get(bucket))),
    repeat(4, accumulate),
    step(values, 4),
    step(weights, 4),
  ]
  const block: Code = [
    repeat(4, i => [put(inverse + i, [get(inverses), load(16 * i)]), put(products + i, floats(0))]),
    repeat(4, i => put(squares + i, floats(0))),
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
  const doubled = (value: Code, of: number): Code => [put(of, value), put(of, f32.add(get(of), get(of)))]
  const half = (h: number): Code => [
    repeat(4, i => doubled(f32.multiply([get(values), load(64 * h + 16 * i)], get(inverse)), scaled + i)),
    indicesOf(scaled, bucket),
  ]
  const block: Code = [
    put(inverse, [get(inverses), loadEach(0)]),
    half(0),
    put(low, get(bucket)),
    half(1),
    [get(out), bits.or(get(low), bytes.leftShorts(get(bucket), 4)), store(0)],
    step(values, 128),
    step(inverses, 4),
    step(out, 16),
  ]
  return { parameters: 4, integers: 0, vectors: 8, body: loopBelow(values, end, block) }
}
