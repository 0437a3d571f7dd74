import {
  any,
  bits,
  bytes,
  type Code,
  choose,
  constant,
  f32,
  floats,
  get,
  i32,
  integerAtLeast,
  intOf,
  ints,
  type Kernel,
  load,
  loadEach,
  loadHalf,
  loadInteger,
  loopBelow,
  put,
  repeat,
  shiftInteger,
  shuffle,
  step,
  store,
  storeInteger,
  when,
} from '@sinter/tensor-core/wasm'
import { eachGroup, integerLocals, locals, nearestPoint } from './iq-nearest-kernel.ts'
import type { SearchPlaces } from './iq-search-memory.ts'
import { nearestIntLanes } from './nearest-int-simd.ts'

/**
 * The search that ggml's IQ2 and IQ3 encoders share, for four sub-blocks at once, each in a lane of its own: every sum is added up in
 * ggml's order. Magnitudes in groups of 4 or 8 become points of a codebook with one scale. For each of some scales every group takes
 * the nearest point, and the scale whose least squares explain most is kept. Points are addresses of their levels, 2·level + 1.
 */

/** Which groups take their points anew at the scale that was found: all, those off the grid, or all if one was. */
export type Refines = 'always' | 'off-grid' | 'all'

const { trial, trialEnd, at, slot, entry, scale, error, own } = locals
const [id, product, square, found, best, mask, cell, level, low, high, one, two, three, four] = Array.from(
  { length: 14 },
  (_, i) => own + i,
) as Fourteen
type Six = [number, number, number, number, number, number]
type Fourteen = [...Six, ...Six, number, number]

export function searchKernel(places: SearchPlaces, refines: Refines): Kernel {
  const { size, dim } = places
  const better = bits.and(
    f32.less(floats(0), get(square)),
    f32.less(f32.multiply(get(best), get(square)), f32.multiply(get(product), get(product))),
  )
  const tryOne: Code = [
    put(id, f32.divide([get(trial), loadEach(0)], [constant(places.largest), load(0)])),
    putScale(places, f32.divide(floats(1), get(id))),
    roundGroups(places, places.tried, lane => roundGroup(places, lane)),
    leastSquares(places, places.tried),
    put(mask, better),
    when(any(get(mask)), [
      put(found, choose(get(mask), f32.divide(get(product), get(square)), get(found))),
      put(best, choose(get(mask), f32.multiply(get(found), get(product)), get(best))),
      repeat(2 * (size / dim), k => keep(places.kept + 16 * k, places.tried + 16 * k)),
    ]),
    step(trial, 4),
  ]
  const body: Code = [
    put(found, [constant(places.scale), load(0)]),
    put(best, floats(0)),
    put(trial, constant(places.numerators)),
    put(trialEnd, constant(places.numeratorsEnd)),
    loopBelow(trial, trialEnd, tryOne),
    refine(places, refines),
    [constant(places.scale), get(found), store(0)],
  ]
  return { parameters: 0, integers: integerLocals, vectors: own + 14 - integerLocals, body }
}

const keep = (to: number, from: number): Code => [
  constant(to),
  choose(get(mask), [constant(from), load(0)], [constant(to), load(0)]),
  store(0),
]

/** Also to memory, where one lane of it can be had in all. */
const putScale = (places: SearchPlaces, value: Code): Code => [
  put(scale, value),
  [constant(places.trialScale), get(scale), store(0)],
]

function refine(places: SearchPlaces, refines: Refines): Code {
  const groups = places.size / places.dim
  const off = (k: number): Code => [constant(places.kept + 16 * (groups + k)), load(0)]
  const anyOff = Array.from({ length: groups - 1 }, (_, k) => k + 1).reduce((all, k) => bits.or(all, off(k)), off(0))
  const needed = refines === 'always' ? bits.not(ints(0)) : anyOff
  const group = (lane: number): Code => {
    const wanted: Code =
      refines === 'off-grid' ? [get(slot), loadInteger(16 * groups + 4 * lane)] : intOf(get(mask), lane)
    return when(wanted, when(intOf(get(mask), lane), roundGroup(places, lane)))
  }
  return [
    put(mask, bits.and(needed, f32.less(floats(0), get(found)))),
    when(any(get(mask)), [
      put(id, f32.divide(floats(1), get(found))),
      putScale(places, get(found)),
      roundGroups(places, places.kept, group),
      leastSquares(places, places.kept),
      put(mask, bits.and(get(mask), f32.less(floats(0), get(square)))),
      put(found, choose(get(mask), f32.divide(get(product), get(square)), get(found))),
    ]),
  ]
}

const roundGroups = (places: SearchPlaces, results: number, group: (lane: number) => Code): Code =>
  eachGroup(places, results, [cellOf(places), repeat(4, group)])

/** The cell of every value's own nearest level. */
function cellOf({ dim, base }: SearchPlaces): Code {
  const times = base === 3 ? i32.add(i32.left(get(cell), 1), get(cell)) : i32.left(get(cell), 3)
  const nearest = (i: number): Code => {
    const x: Code = [get(at), load(16 * i)]
    const half = f32.multiply(floats(0.5), f32.subtract(f32.multiply(get(id), x), floats(1)))
    return nearestIntLanes(half, 0, base - 1)
  }
  return [put(cell, nearest(dim - 1)), repeat(dim - 1, i => put(cell, i32.add(times, nearest(dim - 2 - i))))]
}

/** Point of the group in one lane, and whether it had to be searched. */
function roundGroup(places: SearchPlaces, lane: number): Code {
  const off = 16 * (places.size / places.dim) + 4 * lane
  return [
    put(entry, [shiftInteger(intOf(get(cell), lane), 2), loadInteger(places.cells)]),
    [get(slot), integerAtLeast(get(entry), constant(places.lists)), constant(31), 0x74, constant(31), 0x75],
    storeInteger(off),
    when(integerAtLeast(get(entry), constant(places.lists)), nearestPoint(places, lane)),
    [get(slot), get(entry), storeInteger(4 * lane)],
  ]
}

/** Σ w·x·q and Σ w·q² of each lane. */
function leastSquares(places: SearchPlaces, results: number): Code {
  const { dim, weights, magnitudes } = places
  const point = (lane: number): Code => [get(slot), loadInteger(4 * lane), loadHalf(0)]
  const half = (i: number): Code => get(i < 4 ? low : high)
  const levelOf = (i: number): Code => {
    const eight = (i & 2) === 0 ? bytes.lowShorts(half(i)) : bytes.highShorts(half(i))
    return f32.fromInt((i & 1) === 0 ? bytes.lowInts(eight) : bytes.highInts(eight))
  }
  const w = (i: number): Code => [get(at), load(16 * i + weights - magnitudes)]
  const term = (i: number): Code => [
    put(level, levelOf(i)),
    put(error, w(i)),
    put(product, f32.add(get(product), f32.multiply(f32.multiply(get(error), [get(at), load(16 * i)]), get(level)))),
    put(square, f32.add(get(square), f32.multiply(f32.multiply(get(error), get(level)), get(level)))),
  ]
  return [
    put(product, floats(0)),
    put(square, floats(0)),
    eachGroup(places, results, [
      [put(one, point(0)), put(two, point(1)), put(three, point(2)), put(four, point(3))],
      put(one, shuffle(get(one), get(two), interleaved)),
      put(three, shuffle(get(three), get(four), interleaved)),
      put(low, shuffle(get(one), get(three), interleavedPairs)),
      dim === 8 ? put(high, shuffle(get(one), get(three), upperPairs)) : [],
      repeat(dim, term),
    ]),
  ]
}

const interleaved = Array.from({ length: 16 }, (_, i) => (i >> 1) + 16 * (i & 1))
const interleavedPairs = Array.from({ length: 16 }, (_, i) => 2 * (i >> 2) + (i & 1) + 16 * ((i >> 1) & 1))
const upperPairs = interleavedPairs.map(i => i + 8)
