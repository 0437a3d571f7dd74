import {
  byteLanes,
  bytes,
  type Code,
  choose,
  constant,
  everyInt,
  f32,
  floats,
  get,
  i32,
  integerAtLeast,
  intOf,
  ints,
  type Kernel,
  load,
  loadBytes,
  loadEach,
  loadInteger,
  loadShort,
  lookUp,
  loopBelow,
  plus,
  put,
  repeat,
  shuffle,
  shuffleLanes,
  step,
  storeInteger,
  when,
} from '@sinter/tensor-core/wasm'
import type { SearchPlaces } from './iq-search-memory.ts'

/** Locals: integers, then vectors, of which a kernel's own begin at `own`. */
export const locals: Readonly<Record<IntegerLocal | VectorLocal, number>> = {
  ...{ trial: 0, trialEnd: 1, at: 2, end: 3, slot: 4, entry: 5, quad: 6, quadEnd: 7 },
  ...{ scale: 8, least: 9, where: 10, distance: 11, levels: 12, error: 13, errors: 14, own: 22 },
}
type IntegerLocal = 'trial' | 'trialEnd' | 'at' | 'end' | 'slot' | 'entry' | 'quad' | 'quadEnd'
/** `errors` are eight. */
type VectorLocal = 'scale' | 'least' | 'where' | 'distance' | 'levels' | 'error' | 'errors' | 'own'
export const integerLocals = 8
const { at, end, slot, entry, quad, quadEnd, scale, least, where, distance, levels, error, errors } = locals

const largestFloat = 3.4028234663852886e38

/** Runs `body` for each group: `at` is where its magnitudes lie, `slot` where its results. */
export const eachGroup = ({ size, dim, magnitudes }: SearchPlaces, results: number, body: Code): Code => [
  put(at, constant(magnitudes)),
  put(end, constant(magnitudes + 16 * size)),
  put(slot, constant(results)),
  loopBelow(at, end, [body, step(at, 16 * dim), step(slot, 16)]),
]

/**
 * The first at the least distance of the list at `entry`, four neighbours at a time.
 * @param meanings what levels 0, 1 and 2 stand for, where there are three
 */
export function nearestPoint(places: SearchPlaces, lane: number, meanings: Code = oddLevels): Code {
  const turned = (vector: Code, pick: readonly number[]): Code => shuffleLanes(vector, vector, pick)
  const leastOf = (local: number, pick: readonly number[]): Code => f32.least(get(local), turned(get(local), pick))
  const firstOf = (local: number, pick: readonly number[]): Code => i32.least(get(local), turned(get(local), pick))
  const table = places.base === 3
  return [
    put(quadEnd, [get(entry), loadInteger(0)]),
    put(quad, [get(entry), constant(8), plus]),
    put(scale, [constant(places.trialScale), loadEach(4 * lane)]),
    table ? errorsOfLevels(places, lane, meanings) : [],
    put(least, floats(largestFloat)),
    put(where, ints(places.nowhere)),
    loopBelow(quad, quadEnd, [
      table ? distanceFromTable : distanceOf(places, lane),
      put(where, choose(f32.less(get(distance), get(least)), everyInt(get(quad)), get(where))),
      put(least, f32.least(get(least), get(distance))),
      step(quad, places.quadBytes),
    ]),
    put(distance, leastOf(least, [1, 0, 3, 2])),
    put(distance, leastOf(distance, [2, 3, 0, 1])),
    put(where, i32.add(get(where), laneOffsets)),
    put(where, choose(f32.equal(get(least), get(distance)), get(where), ints(0x7fffffff))),
    put(where, firstOf(where, [1, 0, 3, 2])),
    put(where, firstOf(where, [2, 3, 0, 1])),
    put(entry, [intOf(get(where), 0), loadShort(4 * places.dim)]),
  ]
}

const literal = (bytesOf: Float32Array | Int32Array): Code => [0xfd, 0x0c, ...new Uint8Array(bytesOf.buffer)]
const oddLevels = literal(Float32Array.of(1, 3, 5, 7))
/** Each neighbour's address is two bytes behind that of the one before. */
const laneOffsets = literal(Int32Array.of(0, 2, 4, 6))

const magnitudeOf = (i: number, lane: number): Code => [get(at), loadEach(16 * i + 4 * lane)]
const rootOf = ({ roots, magnitudes }: SearchPlaces, i: number, lane: number): Code => [
  get(at),
  loadEach(16 * i + 4 * lane + roots - magnitudes),
]
const weighed = (root: Code): Code => f32.multiply(f32.multiply(root, get(error)), get(error))

/** With three levels there are few errors: they are computed once, and the bytes of a list, 4·level, look them up. */
const errorsOfLevels = (places: SearchPlaces, lane: number, meanings: Code): Code => [
  put(levels, f32.multiply(get(scale), meanings)),
  repeat(8, i => [
    put(error, f32.subtract(get(levels), magnitudeOf(i, lane))),
    put(errors + i, weighed(rootOf(places, i, lane))),
  ]),
]

const distanceFromTable: Code = repeat(8, i => {
  const index = bytes.add(shuffle(get(levels), get(levels), fourTimes(i & 3)), byteLanes(0, 1, 2, 3))
  const found = lookUp(get(errors + i), index)
  return [
    i % 4 === 0 ? put(levels, [get(quad), load(4 * i)]) : [],
    put(distance, i === 0 ? found : f32.add(get(distance), found)),
  ]
})

function fourTimes(part: number): readonly number[] {
  return Array.from({ length: 16 }, (_, i) => 4 * part + (i >> 2))
}

const distanceOf = (places: SearchPlaces, lane: number): Code =>
  repeat(places.dim, i => [
    i % 2 === 0 ? put(levels, [get(quad), loadBytes(4 * i)]) : [],
    put(error, f32.fromInt(i % 2 === 0 ? bytes.lowInts(get(levels)) : bytes.highInts(get(levels)))),
    put(error, f32.subtract(f32.multiply(get(scale), get(error)), magnitudeOf(i, lane))),
    put(error, weighed(rootOf(places, i, lane))),
    put(distance, i === 0 ? get(error) : f32.add(get(distance), get(error))),
  ])

/**
 * From lists to points where `kept` has lists: IQ1's levels are moved by a shift of each group (in `tried`), values have signs, and
 * squares are weighed as they are (in `roots`).
 */
export function pointsKernel(places: SearchPlaces): Kernel {
  const point = (lane: number): Code => [
    put(entry, [get(slot), loadInteger(4 * lane)]),
    when(
      integerAtLeast(get(entry), constant(places.lists)),
      nearestPoint(places, lane, f32.add([get(slot), loadEach(4 * lane + places.tried - places.kept)], steps)),
    ),
    [get(slot), get(entry), storeInteger(4 * lane)],
  ]
  const body = eachGroup(places, places.kept, repeat(4, point))
  return { parameters: 0, integers: integerLocals, vectors: locals.own - integerLocals, body }
}

const steps = literal(Float32Array.of(0, 1, 2, 3))
