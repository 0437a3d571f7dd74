import {
  type Code,
  choose,
  constant,
  f32,
  floats,
  get,
  load,
  loopBelow,
  put,
  repeat,
  step,
  store,
  transpose,
} from '@sinter/tensor-core/wasm'
import type { Weighing } from './fit-plan.ts'
import { places, sub } from './kernel-memory.ts'

/**
 * The searches run over four sub-blocks at once, each in a lane of its own: what ggml adds up one value after the other is added up in
 * that order, so every lane has ggml's bits. This is what their kernels share: parameters, bringing values into lanes, weights.
 */

/** Parameters of a search: where values and importances lie, the first sub-block's place among the results, and that of the last. */
export const parameters = { values: 0, importance: 1, at: 2, end: 3 } as const
/** The first locals for vectors, which these fragments may write over; a kernel's own begin at `own`. */
const scratch = [0, 1, 2, 3, 4, 5, 6, 7]
export const scratchVectors: number = scratch.length

/** A vector at a fixed address: position `i` of the four sub-blocks. */
export const lane = (place: number, i: number): Code => [constant(place + 16 * i), load(0)]
export const setLane = (place: number, i: number, value: Code): Code => [constant(place + 16 * i), value, store(0)]

/** An entry of four sub-blocks in the arrays at `at`. */
export const entry = (offset: number): Code => [get(parameters.at), load(offset)]
export const setEntry = (offset: number, value: Code): Code => [get(parameters.at), value, store(offset)]

/** Values of four sub-blocks, those `group` fours after `pointer`, into `place` by position. `first`: of eight locals to write over. */
function toLanes(pointer: number, length: number, place: number, first: number, group: number): Code {
  const [vectors, spare] = [[0, 1, 2, 3].map(i => first + i), [4, 5, 6, 7].map(i => first + i)]
  return repeat(length / 4, j => [
    vectors.map((local, l) => put(local, [get(pointer), load(4 * length * (4 * group + l) + 16 * j)])),
    transpose(vectors, spare),
    vectors.map((local, l) => setLane(place, length * group + 4 * j + l, get(local))),
  ])
}

/** Values and weights of the `group`th four sub-blocks into lanes, behind those of the groups before. */
export function prepare(weighing: Weighing, length: number, first: number, group = 0): Code {
  const given = weighing === 'importance' || weighing === 'importance-spread'
  return [
    toLanes(parameters.values, length, places.lanes, first, group),
    given ? toLanes(parameters.importance, length, places.weights, first, group) : [],
    weighing === 'importance' ? [] : weights(weighing, length, first, group),
  ]
}

function weights(weighing: Exclude<Weighing, 'importance'>, length: number, spread: number, group: number): Code {
  const from = length * group
  const x = (i: number): Code => lane(places.lanes, from + i)
  const square = (i: number): Code => f32.multiply(x(i), x(i))
  const weight: (i: number) => Code = {
    spread: (i: number) => f32.add(get(spread), f32.abs(x(i))),
    magnitude: (i: number) => f32.abs(x(i)),
    square,
    'importance-spread': (i: number) =>
      f32.multiply(lane(places.weights, from + i), f32.sqrt(f32.add(get(spread), square(i)))),
  }[weighing]
  return [
    weighing === 'spread' ? rootMeanSquare(length, spread, x) : [],
    weighing === 'importance-spread' ? put(spread, entry(sub.variances + 16 * group)) : [],
    repeat(length, i => setLane(places.weights, from + i, weight(i))),
  ]
}

const rootMeanSquare = (length: number, sum: number, x: (i: number) => Code): Code => [
  put(sum, floats(0)),
  repeat(length, i => put(sum, f32.add(get(sum), f32.multiply(x(i), x(i))))),
  put(sum, f32.sqrt(f32.divide(get(sum), floats(length)))),
]

/** local = mask ? value : local */
export const putWhere = (local: number, mask: Code, value: Code): Code => put(local, choose(mask, value, get(local)))

/** Runs the body for every so many times four sub-blocks. */
export const eachFour = (length: number, body: Code, groups = 1): Code =>
  loopBelow(parameters.at, parameters.end, [
    body,
    step(parameters.values, 16 * length * groups),
    step(parameters.importance, 16 * length * groups),
    step(parameters.at, 16 * groups),
  ])
