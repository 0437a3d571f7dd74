import { MOST_LEVELS } from '../grid.ts'
import { lanes } from './column-args.ts'
import { type Simd, simdKernels } from './simd.ts'
import {
  add,
  addTo,
  and,
  both,
  type Code,
  divide,
  get,
  greater,
  type Kernel,
  larger,
  load,
  loadBoth,
  loadInteger,
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
  storeByte,
  subtract,
} from './wasm.ts'

/** Rows that the kernels take at a time: eight registers. */
export const strip = 16

/** All numbers are byte addresses or byte counts; rows of the tile's matrices are `lanes` apart. */
interface ColumnKernels {
  /** values[16] −= Σ factors[i]·errors[i, 16] for the factors from `factors` up to `end`. */
  advance(values: number, errors: number, factors: number, end: number): void
  /** Finishes neighbouring columns without a grid; see `Columns`. */
  keep: Columns
  /** … on a grid with a zero point. */
  round: Columns
  /** … on a grid with a minimum. */
  roundFromMin: Columns
  /** … on a grid with levels of its own: `largestCode` points at the table that `levelTable` makes. */
  roundToLevel: Columns
}

/**
 * Finishes columns one after another, up to `end` of their values [16]: takes in the errors of the columns before it (the
 * first stands at `errors`, with the factor at `factors`; rows of factors are `rowBytes` apart), lets go what `keep` does not
 * mark, rounds, and leaves value, error, code and loss. `grids` holds of each column the address of its scales; its zeros lie
 * behind them, and `lane` is added to both.
 */
type Columns = (
  values: number,
  end: number,
  errors: number,
  keep: number,
  codes: number,
  factors: number,
  rowBytes: number,
  grids: number,
  lane: number,
  loss: number,
  largestCode: number,
) => void

const kernels = simdKernels<ColumnKernels>(() => ({
  advance: advanceKernel(),
  keep: columnsKernel(() => []),
  round: columnsKernel(roundInteger),
  roundFromMin: columnsKernel(roundMin),
  roundToLevel: columnsKernel(roundLevel),
}))

export const columnKernels: (bytes: number) => Simd<ColumnKernels> = kernels

const vectors = strip / 2

/** The sums from local `first` on −= factors·errors, both moving, until `factors` is at `end`. */
const takeIn = (first: number, factors: number, end: number, errors: number, factor: number): Code =>
  loopBelow(factors, end, [
    put(factor, [get(factors), loadBoth(0)]),
    repeat(vectors, i => put(first + i, multiplySubtract(get(factor), [get(errors), load(16 * i)], get(first + i)))),
    step(errors, lanes * 8),
    step(factors, 8),
  ])

function advanceKernel(): Kernel {
  const [values, errors, factors, end, factor, first] = [0, 1, 2, 3, 4, 5] as const
  const body: Code = [
    repeat(vectors, i => put(first + i, [get(values), load(16 * i)])),
    takeIn(first, factors, end, errors, factor),
    repeat(vectors, i => [get(values), get(first + i), store(16 * i)]),
  ]
  return { parameters: 4, integers: 0, vectors: 1 + vectors, body }
}

/** What rounding works on: address locals, the offset of two rows, vector locals. `kept` becomes the level. */
interface Rounding {
  readonly grid: number
  readonly codes: number
  readonly row: number
  readonly kept: number
  readonly code: number
  readonly most: number
  /** Address of the largest code or the table, and a vector to work in. */
  readonly table: number
  readonly mask: number
}

function columnsKernel(round: (rounding: Rounding) => Code): Kernel {
  const [values, end, errors, keep, codes, factors, rowBytes, grids, lane, loss] = [
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9,
  ] as const
  const [largest, along, alongEnd, at, length, grid] = [10, 11, 12, 13, 14, 15] as const
  const [factor, kept, code, most, mask, first] = [16, 17, 18, 19, 20, 21] as const
  const finish = (i: number): Code => [
    put(kept, [get(first + i), get(keep), load(16 * i), and]),
    round({ grid, codes, row: 2 * i, kept, code, most, table: largest, mask }),
    [get(values), get(kept), store(16 * i)],
    put(kept, [get(first + i), get(kept), subtract, get(factor), divide]),
    [get(at), get(kept), store(16 * i)],
    [get(loss), multiplyAdd(get(kept), get(kept), [get(loss), load(16 * i)]), store(16 * i)],
  ]
  const column: Code = [
    repeat(vectors, i => put(first + i, [get(values), load(16 * i)])),
    put(along, get(factors)),
    put(alongEnd, [get(factors), get(length), plus]),
    put(at, get(errors)),
    takeIn(first, along, alongEnd, at, factor),
    put(grid, [get(grids), loadInteger(0), get(lane), plus]),
    put(factor, [get(alongEnd), loadBoth(0)]),
    repeat(vectors, finish),
    step(values, lanes * 8),
    step(keep, lanes * 8),
    step(codes, lanes),
    addTo(factors, rowBytes),
    step(grids, 4),
    step(length, 8),
  ]
  const body: Code = [put(most, [get(largest), loadBoth(0)]), loopBelow(values, end, column)]
  return { parameters: 11, integers: 5, vectors: 5 + vectors, body }
}

/** 2⁵²: added to a whole number, it leaves that number in the lowest bits. */
const wholeBits = 2 ** 52

const clampAndStore = ({ codes, row, code, most }: Rounding): Code => [
  put(code, [both(0), get(code), larger, get(most), smaller]),
  [get(codes), get(code), both(wholeBits), add, storeByte(row, 0)],
  [get(codes), get(code), both(wholeBits), add, storeByte(row + 1, 1)],
]

const scale = ({ grid, row }: Rounding): Code => [get(grid), load(8 * row)]
const zero = ({ grid, row }: Rounding): Code => [get(grid), load(8 * (lanes + row))]

/** Nearest level of kept/scale + zero, then scale·(code − zero): never fused, so that a code means the same everywhere. */
const roundInteger = (r: Rounding): Code => [
  put(r.code, [get(r.kept), scale(r), divide, nearest, zero(r), add]),
  clampAndStore(r),
  put(r.kept, [get(r.code), zero(r), subtract, scale(r), multiply]),
]

/** Nearest level of (kept − min)/scale, then scale·code + min. */
const roundMin = (r: Rounding): Code => [
  put(r.code, [get(r.kept), zero(r), subtract, scale(r), divide, nearest]),
  clampAndStore(r),
  put(r.kept, [get(r.code), scale(r), multiply, zero(r), add]),
]

/** Of each step from one level to the next: the middle, which belongs to the lower one, and the height. */
const steps = MOST_LEVELS - 1

/** What `roundToLevel` reads: the least level, then middles and heights; steps that are not there are never taken. */
export function levelTable(levels: readonly number[]): Float64Array {
  const table = new Float64Array(1 + 2 * steps).fill(0)
  table[0] = levels[0]!
  for (let i = 0; i < steps; i++) {
    const [low, high] = [levels[i], levels[i + 1]]
    table[1 + 2 * i] = high === undefined ? Number.POSITIVE_INFINITY : (low! + high) / 2
    table[2 + 2 * i] = high === undefined ? 0 : high - low!
  }
  return table
}

/** Climbs the steps whose middle kept/scale is above; heights are such that their sums are the levels exactly. */
const roundLevel = (r: Rounding): Code => [
  put(r.most, [get(r.kept), scale(r), divide]),
  put(r.kept, [get(r.table), loadBoth(0)]),
  put(r.code, both(0)),
  repeat(steps, i => [
    put(r.mask, [get(r.most), get(r.table), loadBoth(8 + 16 * i), greater]),
    put(r.code, [get(r.code), get(r.mask), both(1), and, add]),
    put(r.kept, [get(r.kept), get(r.mask), get(r.table), loadBoth(16 + 16 * i), and, add]),
  ]),
  [get(r.codes), get(r.code), both(wholeBits), add, storeByte(r.row, 0)],
  [get(r.codes), get(r.code), both(wholeBits), add, storeByte(r.row + 1, 1)],
  put(r.kept, [get(r.kept), scale(r), multiply]),
]
