import type { Matrix } from '../compute.ts'
import { simdKernels } from './simd.ts'

/**
 * Inner length of one pass, and rows of A at a time: their product in f64 (256 kB) stays in the second-level cache while
 * B passes by, four columns at a time.
 */
const depth = 256
const height = 128

/** Layout of the kernels' memory, in f64: packed rows of A, four packed columns of B, the tiles of C. */
const bAt = depth * height
const cAt = bAt + depth * 4
const floats = cAt + height * 4

let simd: ReturnType<typeof simdKernels> | undefined

export interface GemmArgs {
  readonly a: Matrix
  readonly b: Matrix
  /** Starts as zeros. */
  readonly c: Matrix
}

/** Row kernel over quads of columns of `C = A B`: a share is the columns [4·start, 4·end). */
export function gemmColumns({ a, b, c }: GemmArgs, start: number, end: number): void {
  simd ??= simdKernels(floats * 8)
  const { kernels, memory } = simd
  const last = Math.min(b.cols, end * 4)
  for (let k0 = 0; k0 < a.cols; k0 += depth)
    for (let i0 = 0; i0 < a.rows; i0 += height) {
      const i1 = Math.min(a.rows, i0 + height)
      const k1 = Math.min(a.cols, k0 + depth)
      const aBytes = packRows(a, i0, i1, k0, k1, memory)
      for (let j = start * 4; j < last; j += 4) {
        packColumns(b, j, k0, k1, memory)
        kernels.tiles(0, aBytes, bAt * 8, cAt * 8, (k1 - k0) * 32)
        addTiles(c, i0, i1, j, memory)
      }
    }
}

/** Four rows side by side, [k, 4] a quad; missing rows are 0. Returns the bytes used. */
function packRows({ data, cols }: Matrix, i0: number, i1: number, k0: number, k1: number, to: Float64Array): number {
  let at = 0
  for (let i = i0; i < i1; i += 4, at += (k1 - k0) * 4)
    for (let q = 0; q < 4; q++)
      for (let k = k0, p = at + q; k < k1; k++, p += 4) to[p] = i + q < i1 ? data[(i + q) * cols + k]! : 0
  return at * 8
}

function packColumns({ data, cols }: Matrix, j: number, k0: number, k1: number, to: Float64Array): void {
  const count = Math.min(4, cols - j)
  for (let k = k0, p = bAt; k < k1; k++, p += 4) {
    const from = k * cols + j
    for (let q = 0; q < 4; q++) to[p + q] = q < count ? data[from + q]! : 0
  }
}

function addTiles({ data, cols }: Matrix, i0: number, i1: number, j: number, from: Float64Array): void {
  const count = Math.min(4, cols - j)
  for (let i = i0, p = cAt; i < i1; i++, p += 4) {
    const to = i * cols + j
    for (let q = 0; q < count; q++) data[to + q]! += from[p + q]!
  }
}
