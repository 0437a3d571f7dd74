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
 * `descendScale` for four sub-blocks at once. Every level waits for the sums that the one before it left, so most of the time is
 * waiting: 20 ns a value.
 */
export function descendKernel(): Kernel {
  const [pass, passes] = [4, 5] as const
  const own = 6 + scratchVectors
  const [max, magnitude, dead, xl, l2, zero, level, x] = [0, 1, 2, 3, 4, 5, 6, 7].map(i => own + i) as L8
  const [mask, nextXl, nextL2, wx, w, next, moved] = [8, 9, 10, 11, 12, 13, 14].map(i => own + i) as L7
  const value = (i: number): Code => lane(places.lanes, i)
  const weight = (i: number): Code => lane(places.weights, i)
  const rounded = (level: Code): Code => f32.subtract(f32.fromInt(nearestIntLanes(level, -4, 3)), floats(4))

  const largest: Code = [
    [put(max, get(zero)), put(magnitude, get(zero))],
    repeat(16, i => [
      put(x, value(i)),
      put(mask, f32.less(get(magnitude), f32.abs(get(x)))),
      putWhere(max, get(mask), get(x)),
      put(magnitude, f32.abs(get(max))),
    ]),
    put(dead, f32.less(get(magnitude), floats(NO_SCALE))),
    put(max, f32.divide(floats(-4), get(max))),
  ]
  const first: Code = [
    [put(xl, get(zero)), put(l2, get(zero))],
    repeat(16, i => [
      put(level, rounded(f32.multiply(get(max), value(i)))),
      setLane(places.levels, i, get(level)),
      put(xl, f32.add(get(xl), f32.multiply(f32.multiply(weight(i), value(i)), get(level)))),
      put(l2, f32.add(get(l2), f32.multiply(f32.multiply(weight(i), get(level)), get(level)))),
    ]),
  ]
  const square = (a: number): Code => f32.multiply(get(a), get(a))
  const move = (i: number): Code => [
    [put(x, value(i)), put(w, weight(i)), put(level, lane(places.levels, i)), put(wx, f32.multiply(get(w), get(x)))],
    put(nextXl, f32.subtract(get(xl), f32.multiply(get(wx), get(level)))),
    put(nextL2, f32.subtract(get(l2), f32.multiply(f32.multiply(get(w), get(level)), get(level)))),
    put(mask, f32.less(get(zero), get(nextXl))),
    put(next, rounded(f32.divide(f32.multiply(get(x), get(nextL2)), get(nextXl)))),
    put(mask, bits.and(get(mask), f32.unequal(get(next), get(level)))),
    put(nextXl, f32.add(get(nextXl), f32.multiply(get(wx), get(next)))),
    put(nextL2, f32.add(get(nextL2), f32.multiply(f32.multiply(get(w), get(next)), get(next)))),
    put(mask, bits.and(get(mask), f32.less(get(zero), get(nextL2)))),
    put(
      mask,
      bits.and(get(mask), f32.less(f32.multiply(square(xl), get(nextL2)), f32.multiply(square(nextXl), get(l2)))),
    ),
    putWhere(level, get(mask), get(next)),
    setLane(places.levels, i, get(level)),
    putWhere(xl, get(mask), get(nextXl)),
    putWhere(l2, get(mask), get(nextL2)),
    put(moved, bits.or(get(moved), get(mask))),
  ]
  const descend: Code = loopBelow(pass, passes, [
    put(moved, get(zero)),
    repeat(16, move),
    // On to the next pass where a lane moved, else out.
    put(pass, [get(pass), constant(1), 0x6a, constant(5), any(bits.andNot(get(moved), get(dead))), 0x1b]),
  ])
  const results: Code = [
    setEntry(sub.scales, bits.andNot(bits.and(f32.divide(get(xl), get(l2)), f32.less(get(zero), get(l2))), get(dead))),
    [sub.mins, sub.factors, sub.bases, sub.odd].map(place => setEntry(place, get(zero))),
  ]
  const body: Code = [
    [put(zero, floats(0)), put(passes, constant(5))],
    eachFour(16, [prepare('square', 16, 6), put(pass, constant(0)), largest, first, descend, results]),
  ]
  return { parameters: 4, integers: 2, vectors: scratchVectors + 15, body }
}

type L7 = [number, number, number, number, number, number, number]
type L8 = [...L7, number]
