import {
  any,
  bits,
  type Code,
  constant,
  f32,
  floats,
  get,
  type Kernel,
  loopBelow,
  put,
  repeat,
} from '@sinter/tensor-core/wasm'
import { places, sub } from './kernel-memory.ts'
import { eachFour, lane, prepare, putWhere, scratchVectors, setEntry, setLane } from './lane-blocks.ts'
import { nearestIntLanes } from './nearest-int-simd.ts'
import { NO_SCALE } from './search-scale.ts'

/**
 * `descendScale` for twice four sub-blocks at once. Every level waits for the sums that the one before it left, so the time is
 * waiting, and a second four in its gaps is almost free: 6 ns a value where ggml takes 10.
 */
export function descendKernel(): Kernel {
  const [pass, passes] = [4, 5] as const
  const own = 6 + scratchVectors
  const [zero, moved] = [own, own + 1] as const
  const groups = Array.from({ length: FOURS }, (_, g) => group(g, own + 2 + 11 * g, zero, moved))
  const body: Code = [
    [put(zero, floats(0)), put(passes, constant(5))],
    eachFour(
      16,
      [
        groups.map(({ start }) => start),
        put(pass, constant(0)),
        loopBelow(pass, passes, [
          put(moved, get(zero)),
          repeat(16, i => groups.map(({ move }) => move(i))),
          // On to the next pass where a lane moved, else out.
          put(pass, [get(pass), constant(1), 0x6a, constant(5), any(get(moved)), 0x1b]),
        ]),
        groups.map(({ results }) => results),
      ],
      FOURS,
    ),
  ]
  return { parameters: 4, integers: 2, vectors: scratchVectors + 2 + 11 * FOURS, body }
}

/** Fours at once. */
const FOURS = 2

/** The steps of one four, whose eleven locals begin at `first`. */
function group(g: number, first: number, zero: number, moved: number) {
  const [dead, xl, l2, level, x, mask, nextXl, nextL2] = [0, 1, 2, 3, 4, 5, 6, 7].map(i => first + i) as L8
  const [wx, w, next] = [first + 8, first + 9, first + 10] as const
  const value = (i: number): Code => lane(places.lanes, 16 * g + i)
  const weight = (i: number): Code => lane(places.weights, 16 * g + i)
  const rounded = (level: Code): Code => f32.subtract(f32.fromInt(nearestIntLanes(level, -4, 3)), floats(4))
  // Until the levels move, `xl` is the largest value and `l2` its magnitude.
  const largest: Code = [
    [put(xl, get(zero)), put(l2, get(zero))],
    repeat(16, i => [
      put(x, value(i)),
      putWhere(xl, f32.less(get(l2), f32.abs(get(x))), get(x)),
      put(l2, f32.abs(get(xl))),
    ]),
    [put(dead, f32.less(get(l2), floats(NO_SCALE))), put(next, f32.divide(floats(-4), get(xl)))],
  ]
  const first16: Code = [
    [put(xl, get(zero)), put(l2, get(zero))],
    repeat(16, i => [
      put(level, rounded(f32.multiply(get(next), value(i)))),
      setLane(places.levels, 16 * g + i, get(level)),
      put(xl, f32.add(get(xl), f32.multiply(f32.multiply(weight(i), value(i)), get(level)))),
      put(l2, f32.add(get(l2), f32.multiply(f32.multiply(weight(i), get(level)), get(level)))),
    ]),
  ]
  const square = (a: number): Code => f32.multiply(get(a), get(a))
  const gains = (): Code =>
    bits.and(
      f32.less(get(zero), get(nextL2)),
      f32.less(f32.multiply(square(xl), get(nextL2)), f32.multiply(square(nextXl), get(l2))),
    )
  const move = (i: number): Code => [
    [put(x, value(i)), put(w, weight(i)), put(level, lane(places.levels, 16 * g + i))],
    put(wx, f32.multiply(get(w), get(x))),
    put(nextXl, f32.subtract(get(xl), f32.multiply(get(wx), get(level)))),
    put(nextL2, f32.subtract(get(l2), f32.multiply(f32.multiply(get(w), get(level)), get(level)))),
    put(next, rounded(f32.divide(f32.multiply(get(x), get(nextL2)), get(nextXl)))),
    put(mask, bits.and(f32.less(get(zero), get(nextXl)), f32.unequal(get(next), get(level)))),
    put(mask, bits.andNot(get(mask), get(dead))),
    put(nextXl, f32.add(get(nextXl), f32.multiply(get(wx), get(next)))),
    put(nextL2, f32.add(get(nextL2), f32.multiply(f32.multiply(get(w), get(next)), get(next)))),
    put(mask, bits.and(get(mask), gains())),
    putWhere(level, get(mask), get(next)),
    setLane(places.levels, 16 * g + i, get(level)),
    putWhere(xl, get(mask), get(nextXl)),
    putWhere(l2, get(mask), get(nextL2)),
    put(moved, bits.or(get(moved), get(mask))),
  ]
  const scale = bits.and(f32.divide(get(xl), get(l2)), f32.less(get(zero), get(l2)))
  const results: Code = [
    setEntry(sub.scales + 16 * g, bits.andNot(scale, get(dead))),
    [sub.mins, sub.factors, sub.bases, sub.odd].map(place => setEntry(place + 16 * g, get(zero))),
  ]
  return { start: [prepare('square', 16, 6, g), largest, first16], move, results }
}

type L8 = [number, number, number, number, number, number, number, number]
