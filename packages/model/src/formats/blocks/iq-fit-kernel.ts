import {
  any,
  bits,
  type Code,
  choose,
  constant,
  f32,
  floats,
  get,
  i32,
  ints,
  type Kernel,
  load,
  loadEach,
  loopBelow,
  put,
  step,
  store,
  when,
} from '@sinter/tensor-core/wasm'
import type { SearchPlaces } from './iq-search-memory.ts'

/**
 * What IQ2_XXS starts from: the scale of magnitudes as multiples 0 … 4 of it. The best of nine scales gives the multiples; then each is
 * moved by itself where that explains more, in at most five passes. Four sub-blocks in lanes, in ggml's order.
 */
const most = 4
const passes = 5

const [at, end, other, last, pass, moved] = [0, 1, 2, 3, 4, 5] as const
const [x, w, level, scale, id, bestId, error, least, product, square, ownProduct, ownSquare, next, mask] = Array.from(
  { length: 14 },
  (_, i) => 6 + i,
) as Fourteen
type Seven = [number, number, number, number, number, number, number]
type Fourteen = [...Seven, ...Seven]

export function fitKernel(places: SearchPlaces): Kernel {
  const { magnitudes, weights, size, levels } = places
  const each = (body: Code): Code => [
    put(at, constant(magnitudes)),
    put(end, constant(magnitudes + 16 * size)),
    loopBelow(at, end, [put(x, [get(at), load(0)]), put(w, [get(at), load(weights - magnitudes)]), body, step(at, 16)]),
  ]
  const inverse = (numerator: Code): Code => f32.divide(numerator, [constant(places.largest), load(0)])
  const body: Code = [
    put(bestId, inverse(floats(most))),
    put(id, get(bestId)),
    squaredError(each, f32.fromInt(asByte(nearest(f32.multiply(get(id), get(x)))))),
    put(least, get(error)),
    [put(other, constant(places.fitNumerators)), put(last, constant(places.fitNumerators + 4 * fitNumerators.length))],
    loopBelow(other, last, [
      put(id, inverse([get(other), loadEach(0)])),
      squaredError(each, f32.fromInt(atMost(nearest(f32.multiply(get(id), get(x)))))),
      put(mask, f32.less(get(error), get(least))),
      put(least, choose(get(mask), get(error), get(least))),
      put(bestId, choose(get(mask), get(id), get(bestId))),
      step(other, 4),
    ]),
    [put(product, floats(0)), put(square, floats(0))],
    each([
      put(level, atMost(nearest(f32.multiply(get(bestId), get(x))))),
      [get(at), f32.fromInt(asByte(get(level))), store(levels - magnitudes)],
      put(level, f32.fromInt(get(level))),
      put(product, f32.add(get(product), productOf(level))),
      put(square, f32.add(get(square), squareOf(level))),
    ]),
    [put(pass, constant(0)), put(last, constant(passes))],
    loopBelow(pass, last, [
      put(moved, constant(0)),
      each(moveLevel(levels - magnitudes)),
      when(get(moved), step(pass, 1), put(pass, constant(passes))),
    ]),
    put(mask, f32.less(floats(0), get(square))),
    [constant(places.scale), bits.and(get(mask), f32.divide(get(product), get(square))), store(0)],
  ]
  return { parameters: 0, integers: 6, vectors: 14, body }
}

/** The scales that are tried beside 4 / largest. */
export const fitNumerators: Float32Array = Float32Array.from([-4, -3, -2, -1, 1, 2, 3, 4], step =>
  Math.fround(Math.fround(Math.fround(0.1) * step) + most),
)

const nearest = (value: Code): Code =>
  i32.subtract(bits.and(f32.add(value, floats(12582912)), ints(0x7fffff)), ints(0x400000))
const atMost = (value: Code): Code => i32.least(value, ints(most))
/** ggml keeps levels in bytes: -1 is 255. */
const asByte = (value: Code): Code => bits.and(value, ints(255))

const productOf = (of: number): Code => f32.multiply(f32.multiply(get(w), get(x)), get(of))
const squareOf = (of: number): Code => f32.multiply(f32.multiply(get(w), get(of)), get(of))

/** Σ w·(x − level / id)² to `error`. */
const squaredError = (each: (body: Code) => Code, levelOf: Code): Code => [
  put(scale, f32.divide(floats(1), get(id))),
  put(error, floats(0)),
  each([
    put(level, f32.subtract(get(x), f32.multiply(get(scale), levelOf))),
    put(error, f32.add(get(error), squareOf(level))),
  ]),
]

/** Takes one value out of the sums, and puts it back with the level that then is best, where that explains more. */
const moveLevel = (levels: number): Code => [
  put(level, [get(at), load(levels)]),
  put(ownProduct, f32.subtract(get(product), productOf(level))),
  put(ownSquare, f32.subtract(get(square), squareOf(level))),
  put(mask, bits.and(f32.less(floats(0), get(ownProduct)), f32.less(floats(0), get(ownSquare)))),
  put(next, f32.divide(f32.multiply(get(x), get(ownSquare)), get(ownProduct))),
  put(next, f32.fromInt(atMost(nearest(get(next))))),
  put(mask, bits.and(get(mask), f32.unequal(get(next), get(level)))),
  when(any(get(mask)), [
    put(ownProduct, f32.add(get(ownProduct), productOf(next))),
    put(ownSquare, f32.add(get(ownSquare), squareOf(next))),
    put(mask, bits.and(get(mask), explainsMore)),
    when(any(get(mask)), [
      put(product, choose(get(mask), get(ownProduct), get(product))),
      put(square, choose(get(mask), get(ownSquare), get(square))),
      put(next, choose(get(mask), nextAsByte, get(level))),
      [get(at), get(next), store(levels)],
      put(moved, constant(1)),
    ]),
  ]),
]

const explainsMore: Code = f32.less(
  f32.multiply(f32.multiply(get(product), get(product)), get(ownSquare)),
  f32.multiply(f32.multiply(get(ownProduct), get(ownProduct)), get(square)),
)

/** A level is a whole number of at most 22 bits: added to 1.5·2²³ it is there. */
const nextAsByte: Code = f32.fromInt(asByte(f32.add(get(next), floats(12582912))))
