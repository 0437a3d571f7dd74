import { bf16Bits, roundHalfEven, roundToF16 } from './convert.ts'
import { fitScale, fitScaleAndMin, type WeighedRun } from './scale-fit.ts'
import { fitTable, nearestLevel, tableError } from './table-fit.ts'

/**
 * How a run of weights becomes whole numbers. One grid = one scale and one zero; the runs (rows, groups) are the caller's.
 */
export interface GridSpec {
  /** 2 … 8; codes are 0 … 2^bits − 1. */
  readonly bits: number
  /** The zero point is fixed at 2^(bits−1). */
  readonly symmetric: boolean
  /**
   * Where a symmetric grid puts its ends. `full`: ±absmax at −7.5 and 7.5 of −8 … 7 (GPTQ, compressed-tensors);
   * `restricted`: ±absmax at ±7, code −8 unused; `signed`: the larger end exactly at −8, so the scale carries a sign (Q4_0).
   */
  readonly symmetricRange?: 'full' | 'restricted' | 'signed'
  /** `integer`: w = s·(q − z), z a whole number; `min`: w = s·q + m, the form of Q4_1 (asymmetric only). */
  readonly zero?: 'integer' | 'min'
  /** Whether an asymmetric range is widened to hold 0. Default: yes for `integer`, no for `min`. */
  readonly throughZero?: boolean
  /**
   * `mse` shrinks the range in steps and keeps the one with the least Σ|w − ŵ|^norm (GPTQ's search). `fit`: the scale (and
   * minimum) of least squared error for the codes of many trial scales; not for asymmetric grids with a whole zero point.
   */
  readonly range?: 'minmax' | 'mse' | 'fit'
  /** Of the MSE search: exponent, number of shrunken ranges 1, 1−1/grid, 1−2/grid … */
  readonly norm?: number
  readonly steps?: number
  readonly grid?: number
  /** Type in which scales (and mins) will be stored; they are rounded to it BEFORE codes are computed. */
  readonly scaleDType?: 'f16' | 'bf16' | 'f32' | 'f64' | 'e8m0'
  /**
   * Levels in steps of the scale, ascending, where they are not the whole numbers (E2M1, IQ4_NL): a code is a place in the list.
   * Symmetric grids of at most 16 levels with range `fit`.
   */
  readonly levels?: readonly number[]
  /** Keep a quirk of the reference GPTQ: symmetric rows without a negative weight get half the range. */
  readonly compatible?: boolean
}

/** A GridSpec with its defaults filled in and checked. */
export type Grid = Required<Omit<GridSpec, 'levels'>> & Pick<GridSpec, 'levels'>

export interface FittedGrid {
  readonly scale: number
  /** Zero point (`integer`) or minimum (`min`). */
  readonly zero: number
}

/** Fills in the defaults. @throws RangeError for bits outside 2 … 8, TypeError for a symmetric `min` grid */
export function resolveGrid(spec: GridSpec): Grid {
  const { bits, symmetric, zero = 'integer' } = spec
  if (!Number.isInteger(bits) || bits < 2 || bits > 8) throw new RangeError(`grid: expected 2 to 8 bits, got ${bits}`)
  if (symmetric && zero === 'min') throw new TypeError('grid: a symmetric grid has no minimum; use zero: integer')
  if (spec.range === 'fit' && !symmetric && zero === 'integer')
    throw new TypeError('grid: range fit needs a symmetric grid or a minimum; with a whole zero point use mse')
  if (spec.levels) checkLevels(spec, spec.levels)
  return {
    bits,
    symmetric,
    zero,
    ...(spec.levels && { levels: spec.levels }),
    symmetricRange: spec.symmetricRange ?? 'full',
    throughZero: spec.throughZero ?? zero === 'integer',
    range: spec.range ?? 'minmax',
    norm: spec.norm ?? 2.4,
    steps: spec.steps ?? 80,
    grid: spec.grid ?? 100,
    scaleDType: spec.scaleDType ?? 'f16',
    compatible: spec.compatible ?? false,
  }
}

/** Levels that the kernels compare with. */
export const MOST_LEVELS = 16

function checkLevels({ symmetric, range }: GridSpec, levels: readonly number[]): void {
  const ascending = levels.every((level, i) => i === 0 || level > levels[i - 1]!)
  if (!ascending || levels.length < 2 || levels.length > MOST_LEVELS)
    throw new RangeError(`grid: expected 2 to ${MOST_LEVELS} ascending levels, got ${levels}`)
  if (!symmetric || range !== 'fit') throw new TypeError('grid: levels of its own need a symmetric grid and range fit')
}

/** The largest code. */
export const maxCode = ({ bits, levels }: Pick<Grid, 'bits' | 'levels'>): number =>
  levels ? levels.length - 1 : 2 ** bits - 1

/** 2⁻²⁴, the smallest positive f16: a scale must not round to 0, because weights are divided by it. */
const tiniestF16 = 2 ** -24
const largestF16 = 65504

function storeScale(scale: number, grid: Grid): number {
  if (grid.scaleDType === 'f64') return scale
  if (grid.scaleDType === 'e8m0') return 2 ** Math.max(-127, Math.min(127, Math.round(Math.log2(Math.abs(scale)))))
  if (grid.scaleDType === 'f32') return Math.fround(scale) || 2 ** -149
  if (grid.scaleDType === 'bf16') return roundToBf16(scale) || 2 ** -133
  const size = Math.abs(scale)
  const stored = size >= 2 ** -14 && size < largestF16 ? normalToF16(size) : roundToF16(size)
  const kept = Math.min(largestF16, Math.max(tiniestF16, stored))
  return scale < 0 ? -kept : kept
}

const cell = new Float32Array(1)
const bits = new Int32Array(cell.buffer)

/** The largest f32 would round to infinity: no weight is so large. */
function roundToBf16(x: number): number {
  bits[0] = bf16Bits(x) << 16
  return cell[0]!
}

/** `roundToF16` where f16 has all its bits; a search over ranges asks so often that the table's cache misses are felt. */
function normalToF16(size: number): number {
  cell[0] = size
  const single = bits[0]!
  bits[0] = (single + 0xfff + ((single >>> 13) & 1)) & ~0x1fff
  return cell[0]!
}

function storeMin(min: number, grid: Grid): number {
  if (grid.scaleDType === 'f64') return min
  if (grid.scaleDType === 'f32') return Math.fround(min)
  if (grid.scaleDType === 'bf16') return roundToBf16(min)
  return Math.max(-largestF16, Math.min(largestF16, roundToF16(min)))
}

/** Scale and zero of the grid that spans [lo, hi], rounded as they will be stored. */
export function gridFromRange(lo: number, hi: number, grid: Grid): FittedGrid {
  if (grid.symmetric) return { scale: scaleFromRange(lo, hi, grid), zero: 2 ** (grid.bits - 1) }
  // A constant run has no range of its own; as a whole-number grid it needs zero at the other end.
  const widen = grid.throughZero || (lo === hi && grid.zero === 'integer')
  const low = widen ? Math.min(lo, 0) : lo
  const high = widen ? Math.max(hi, 0) : hi
  const max = maxCode(grid)
  if (grid.zero === 'min') {
    const min = storeMin(low, grid)
    // Measured from the minimum as stored, so that rounding it does not push the other end off the grid.
    return { scale: storeScale(high > min ? (high - min) / max : 2 / max, grid), zero: min }
  }
  // An all-zero run fits every range; [−1, 1] is the custom.
  const empty = high === low
  const scale = storeScale(empty ? 2 / max : (high - low) / max, grid)
  const zero = roundHalfEven(-(empty ? -1 : low) / scale)
  return { scale, zero: Math.max(0, Math.min(max, zero)) }
}

/** The scale of `gridFromRange` on a symmetric grid, whose zero is always 2^(bits−1). */
export const scaleFromRange = (lo: number, hi: number, grid: Grid): number =>
  storeScale(symmetricScale(lo, hi, Math.max(Math.abs(lo), Math.abs(hi)) || 1, grid), grid)

function symmetricScale(lo: number, hi: number, absmax: number, grid: Grid): number {
  const half = 2 ** (grid.bits - 1)
  if (grid.symmetricRange === 'restricted') return absmax / (half - 1)
  if (grid.symmetricRange === 'signed') return (Math.abs(hi) > Math.abs(lo) ? -absmax : absmax) / half
  const onlyPositive = grid.compatible && lo >= 0 && hi > 0
  return ((onlyPositive ? 1 : 2) * absmax) / maxCode(grid)
}

/** The code of a weight on a fitted grid: nearest level, halves to even, ends clamped. */
export function codeOf(weight: number, { scale, zero }: FittedGrid, grid: Grid): number {
  if (grid.levels) return nearestLevel(grid.levels, weight / scale)
  const q = grid.zero === 'min' ? roundHalfEven((weight - zero) / scale) : roundHalfEven(weight / scale) + zero
  return q > 0 ? Math.min(q, maxCode(grid)) : 0
}

/** The value of a code. */
export const levelOf = (code: number, { scale, zero }: FittedGrid, grid: Grid): number =>
  grid.levels ? scale * grid.levels[code]! : grid.zero === 'min' ? scale * code + zero : scale * (code - zero)

/**
 * Fits one grid to `count` weights from `start`.
 * @param importance weighs the squared (or |·|^norm) errors of the MSE search, one number a weight, same indices as `values`
 */
export function fitGrid(
  values: Float32Array | Float64Array,
  grid: Grid,
  start = 0,
  count: number = values.length,
  importance?: Float64Array,
): FittedGrid {
  if (grid.range === 'fit') return fitLevels(values, grid, start, count, importance)
  let lo = Number.POSITIVE_INFINITY
  let hi = Number.NEGATIVE_INFINITY
  for (let i = start; i < start + count; i++) {
    const value = values[i]!
    if (value < lo) lo = value
    if (value > hi) hi = value
  }
  if (grid.range === 'minmax') return gridFromRange(lo, hi, grid)
  return searchGrid(values, grid, start, count, importance, lo, hi)
}

function fitLevels(
  values: Float32Array | Float64Array,
  grid: Grid,
  start: number,
  count: number,
  importance: Float64Array | undefined,
): FittedGrid {
  const run = {
    values: Float64Array.from(values.subarray(start, start + count)),
    importance: importance?.subarray(start, start + count) ?? new Float64Array(count).fill(1),
  }
  if (grid.levels) return { scale: fitLevelScale(run, grid, grid.levels), zero: nearestLevel(grid.levels, 0) }
  if (grid.symmetric) {
    const half = 2 ** (grid.bits - 1)
    return { scale: storeScale(fitScale(run, 0, count, -half, half - 1), grid), zero: half }
  }
  const { scale, min } = fitScaleAndMin(run, 0, count, maxCode(grid), false)
  return { scale: storeScale(scale, grid), zero: storeMin(min, grid) }
}

/** Powers of two leave three to choose from; of other scales as many as of whole numbers are tried. */
function fitLevelScale(run: WeighedRun, grid: Grid, levels: readonly number[]): number {
  const wanted = fitTable(run, levels)
  const near = grid.scaleDType === 'e8m0' ? [wanted / 2, wanted, wanted * 2] : [wanted]
  let best = storeScale(wanted, grid)
  let least = Number.POSITIVE_INFINITY
  for (const scale of near) {
    const stored = storeScale(scale, grid)
    const error = tableError(run, levels, stored)
    if (error >= least) continue
    least = error
    best = stored
  }
  return best
}

function searchGrid(
  values: Float32Array | Float64Array,
  grid: Grid,
  start: number,
  count: number,
  importance: Float64Array | undefined,
  lo: number,
  hi: number,
): FittedGrid {
  let best = gridFromRange(lo, hi, grid)
  let least = rangeError(values, best, grid, start, count, importance, Number.POSITIVE_INFINITY)
  for (let i = 1; i < grid.steps; i++) {
    const p = 1 - i / grid.grid
    const tried = gridFromRange(p * lo, p * hi, grid)
    const error = rangeError(values, tried, grid, start, count, importance, least)
    if (error < least) {
      least = error
      best = tried
    }
  }
  return best
}

/** Σ importance·|w − ŵ|^norm; gives up (with any number ≥ `limit`) once it is past `limit`. */
function rangeError(
  values: Float32Array | Float64Array,
  fitted: FittedGrid,
  grid: Grid,
  start: number,
  count: number,
  importance: Float64Array | undefined,
  limit: number,
): number {
  if (grid.norm === 2) return squaredError(values, fitted, grid, start, count, importance, limit)
  let sum = 0
  for (let i = start; i < start + count; i++) {
    const error = Math.abs(values[i]! - levelOf(codeOf(values[i]!, fitted, grid), fitted, grid))
    const cost = error ** grid.norm
    sum += importance ? cost * importance[i]! : cost
    if (sum >= limit) return sum
  }
  return sum
}

/** Adding and taking away 1.5·2⁵² rounds half to even; see roundHalfEven. */
const noFraction = 6755399441055744

/**
 * `rangeError` with norm 2: the search spends all its time here, so no calls and no division (a tenth of the time). A level
 * that the reciprocal moves across a tie costs the same on either side.
 */
function squaredError(
  values: Float32Array | Float64Array,
  { scale, zero }: FittedGrid,
  grid: Grid,
  start: number,
  count: number,
  importance: Float64Array | undefined,
  limit: number,
): number {
  const isMin = grid.zero === 'min'
  const offset = isMin ? zero : 0
  const least = isMin ? 0 : -zero
  const most = least + maxCode(grid)
  const reciprocal = 1 / scale
  let sum = 0
  for (let i = start; i < start + count && sum < limit; i++) {
    const weight = values[i]! - offset
    const level = weight * reciprocal + noFraction - noFraction
    const error = weight - scale * Math.max(least, Math.min(most, level))
    sum += importance ? error * error * importance[i]! : error * error
  }
  return sum
}
