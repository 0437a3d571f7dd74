import {
  bits,
  bytes,
  type Code,
  f32,
  floats,
  get,
  type Kernel,
  load,
  loadEach,
  loadFirst,
  loopBelow,
  put,
  repeat,
  step,
  store,
} from '@sinter/tensor-core/wasm'
import type { Limits } from './fitter.ts'
import { sub } from './kernel-memory.ts'
import { nearestIntLanes } from './nearest-int-simd.ts'

/** Sixteen values at `values` to as many code bytes at `codes`. */
const sixteen = (codes: number, level: (vector: number) => Code, least: number, most: number): Code => {
  const code = (vector: number): Code => nearestIntLanes(level(vector), least, most)
  const pair = (vector: number): Code => bytes.shortsOfInts(code(vector), code(vector + 1))
  return [get(codes), bytes.ofShorts(pair(0), pair(2))]
}

/**
 * Codes of values on given grids, `nearestInt((x + min) / step)`: parameters are the values, their end, the first sub-block's place
 * in the arrays (steps where scales are, mins where mins are) and the codes. 1 ns a value.
 */
export function roundKernel({ length, least, most }: Limits): Kernel {
  const [values, end, at, codes, size, min] = [0, 1, 2, 3, 4, 5] as const
  const level = (offset: number): Code => f32.divide(f32.add([get(values), load(offset)], get(min)), get(size))
  const block: Code = [
    put(size, [get(at), loadEach(sub.scales)]),
    put(min, [get(at), loadEach(sub.mins)]),
    repeat(length / 16, part => [sixteen(codes, v => level(64 * part + 16 * v), least, most), store(16 * part)]),
    [step(values, 4 * length), step(at, 4), step(codes, length)],
  ]
  return { parameters: 4, integers: 0, vectors: 2, body: loopBelow(values, end, block) }
}

/** Codes as a search left them, `nearestInt(factor · (x − base))`, 0 where the factor is 0; parameters as above. */
export function codesKernel({ length, least, most }: Limits): Kernel {
  const [values, end, at, codes, factor, base, found] = [0, 1, 2, 3, 4, 5, 6] as const
  const level = (offset: number): Code =>
    f32.multiply(get(factor), f32.subtract([get(values), load(offset)], get(base)))
  const block: Code = [
    put(factor, [get(at), loadEach(sub.factors)]),
    put(base, [get(at), loadEach(sub.bases)]),
    put(found, f32.unequal(get(factor), floats(0))),
    repeat(length / 16, part => [
      bits.and(
        sixteen(codes, v => level(64 * part + 16 * v), least, most),
        get(found),
      ),
      store(16 * part),
    ]),
    [step(values, 4 * length), step(at, 4), step(codes, length)],
  ]
  return { parameters: 4, integers: 0, vectors: 3, body: loopBelow(values, end, block) }
}

/** Adds the squares of values to the f32 at `sum`, one after the other: as long as a chain of additions takes, 1 ns a value. */
export function squaresKernel(): Kernel {
  const [values, end, sum, total, x] = [0, 1, 2, 3, 4] as const
  const next = (i: number): Code => [
    put(x, [get(values), loadFirst(4 * i)]),
    put(total, f32.add(get(total), f32.multiply(get(x), get(x)))),
  ]
  const body: Code = [
    put(total, [get(sum), loadFirst(0)]),
    loopBelow(values, end, [repeat(16, next), step(values, 64)]),
    [get(sum), get(total), store(0)],
  ]
  return { parameters: 3, integers: 0, vectors: 2, body }
}
