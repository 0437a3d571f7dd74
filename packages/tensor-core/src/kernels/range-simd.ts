import { lanes } from './column-args.ts'
import { type Simd, simdKernels } from './simd.ts'
import {
  add,
  both,
  type Code,
  divide,
  get,
  type Kernel,
  larger,
  load,
  loadBoth,
  loopBelow,
  multiply,
  multiplyAdd,
  multiplySubtract,
  nearest,
  plus,
  put,
  repeat,
  smaller,
  step,
  store,
  subtract,
} from './wasm.ts'

/** All numbers are byte addresses or byte counts; rows of matrices are `lanes` apart. */
interface RangeKernels {
  /** Least and largest of each lane over `columnBytes` = 8·lanes·columns of values, to `lo` [lanes] and behind it. */
  extremes(values: number, columnBytes: number, lo: number, end: number): void
  /**
   * Σ importance·(w − ŵ)² of each lane on a grid with a zero point: `grids` [2, lanes] are scales and zeros, up to the lane at
   * `end`; `sums` [lanes]; `largestCode` points at an f64.
   */
  errors: Errors
  /** … on a grid with a minimum. */
  errorsFromMin: Errors
}

type Errors = (
  values: number,
  columnBytes: number,
  importance: number,
  grids: number,
  end: number,
  sums: number,
  largestCode: number,
) => void

export const rangeKernels: (bytes: number) => Simd<RangeKernels> = simdKernels<RangeKernels>(() => ({
  extremes: extremesKernel(),
  errors: errorsKernel(false),
  errorsFromMin: errorsKernel(true),
}))

function extremesKernel(): Kernel {
  const [values, columnBytes, lo, end, at, stop, least, most, value] = [0, 1, 2, 3, 4, 5, 6, 7, 8] as const
  const column: Code = [
    put(value, [get(at), load(0)]),
    put(least, [get(least), get(value), smaller]),
    put(most, [get(most), get(value), larger]),
    step(at, lanes * 8),
  ]
  const pair: Code = [
    put(at, get(values)),
    put(stop, [get(values), get(columnBytes), plus]),
    put(least, both(Number.POSITIVE_INFINITY)),
    put(most, both(Number.NEGATIVE_INFINITY)),
    loopBelow(at, stop, column),
    [get(lo), get(least), store(0), get(lo), get(most), store(lanes * 8)],
    step(values, 16),
    step(lo, 16),
  ]
  return { parameters: 4, integers: 2, vectors: 3, body: loopBelow(lo, end, pair) }
}

/** Pairs of rows at a time: what they need of a grid stays in registers. */
const pairs = 2

/** A level that the reciprocal moves across a tie costs the same on either side. */
function errorsKernel(min: boolean): Kernel {
  const [values, columnBytes, importance, grids, end, sums, largestCode, at, stop, weight] = [
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9,
  ] as const
  const [cost, value, level, most, first] = [10, 11, 12, 13, 14] as const
  const [scale, reciprocal, zero, top, sum] = [0, 1, 2, 3, 4].map(n => (p: number) => first + 5 * p + n) as [
    Local,
    Local,
    Local,
    Local,
    Local,
  ]
  const start = (p: number): Code => [
    put(scale(p), [get(grids), load(16 * p)]),
    put(reciprocal(p), [both(1), get(scale(p)), divide]),
    put(zero(p), [get(grids), load(lanes * 8 + 16 * p)]),
    // With a zero point levels are −zero … max − zero; with a minimum they are 0 … max, of the weight above it.
    min ? [] : put(zero(p), [both(0), get(zero(p)), subtract]),
    put(top(p), min ? get(most) : [get(zero(p)), get(most), add]),
    put(sum(p), both(0)),
  ]
  const term = (p: number): Code => [
    put(value, [get(at), load(16 * p), min ? [get(zero(p)), subtract] : []]),
    put(level, [get(value), get(reciprocal(p)), multiply, nearest]),
    put(level, [min ? both(0) : get(zero(p)), get(level), larger, get(top(p)), smaller]),
    put(value, multiplySubtract(get(scale(p)), get(level), get(value))),
    put(value, [get(value), get(value), multiply]),
    put(sum(p), multiplyAdd(get(value), get(cost), get(sum(p)))),
  ]
  const column: Code = [
    put(cost, [get(weight), loadBoth(0)]),
    repeat(pairs, term),
    step(at, lanes * 8),
    step(weight, 8),
  ]
  const some: Code = [
    repeat(pairs, start),
    put(at, get(values)),
    put(stop, [get(values), get(columnBytes), plus]),
    put(weight, get(importance)),
    loopBelow(at, stop, column),
    repeat(pairs, p => [get(sums), get(sum(p)), store(16 * p)]),
    step(values, 16 * pairs),
    step(grids, 16 * pairs),
    step(sums, 16 * pairs),
  ]
  const body: Code = [put(most, [get(largestCode), loadBoth(0)]), loopBelow(grids, end, some)]
  return { parameters: 7, integers: 3, vectors: 4 + 5 * pairs, body }
}

type Local = (pair: number) => number
