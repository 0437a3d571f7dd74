import { type Simd, simdKernels } from './simd.ts'
import {
  add,
  type Code,
  get,
  type Kernel,
  load,
  loadBoth,
  loopBelow,
  multiplyAdd,
  plus,
  put,
  repeat,
  step,
  store,
  subtract,
  zero,
} from './wasm.ts'

/** Inner length of one pass; rows of A, and columns of B at a time. A block of A or B (256 kB) stays in the second-level cache. */
export const depth = 256
export const height = 128
export const breadth = 128

/** Distance of rows in the kernels' memory, in f64; not a power of two, so that a column does not fall on a few cache lines. */
export const aStride: number = depth + 8
export const bStride: number = breadth + 8

/** Where the blocks lie, in f64: A [height, depth], B [depth, breadth], C [height, breadth]. */
export const bAt: number = height * aStride
export const cAt: number = bAt + depth * bStride
const floats = cAt + height * bStride

interface ProductKernels {
  /**
   * c ± a b for four columns: 4 × 4 results at a time in registers. All are byte addresses: `a` of the first row, `aEnd` past
   * the last (a multiple of four rows), `b` and `c` of the first row's four columns; `depthBytes` = 8·inner length.
   */
  plus(a: number, aEnd: number, b: number, c: number, depthBytes: number): void
  minus(a: number, aEnd: number, b: number, c: number, depthBytes: number): void
}

const kernels = simdKernels<ProductKernels>(() => ({ plus: tiles(add), minus: tiles(subtract) }))

export const productKernels = (): Simd<ProductKernels> => kernels(floats * 8)

function tiles(combine: Code): Kernel {
  const [a, aEnd, b, c, depthBytes, at, end, from, left, right, factor, first] = [
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11,
  ] as const
  const sum = (row: number, half: number) => first + 2 * row + half
  const row = (r: number): Code => [
    put(factor, [get(at), loadBoth(8 * r * aStride)]),
    put(sum(r, 0), multiplyAdd(get(factor), get(left), get(sum(r, 0)))),
    put(sum(r, 1), multiplyAdd(get(factor), get(right), get(sum(r, 1)))),
  ]
  const deep: Code = [
    put(left, [get(from), load(0)]),
    put(right, [get(from), load(16)]),
    repeat(4, row),
    step(at, 8),
    step(from, 8 * bStride),
  ]
  const write = (i: number): Code => {
    const offset = 8 * bStride * (i >> 1) + 16 * (i & 1)
    return [get(c), get(c), load(offset), get(first + i), combine, store(offset)]
  }
  const tile: Code = [
    repeat(8, i => put(first + i, zero)),
    put(at, get(a)),
    put(from, get(b)),
    put(end, [get(a), get(depthBytes), plus]),
    loopBelow(at, end, deep),
    repeat(8, write),
    step(a, 32 * aStride),
    step(c, 32 * bStride),
  ]
  return { parameters: 5, integers: 3, vectors: 11, body: loopBelow(a, aEnd, tile) }
}
