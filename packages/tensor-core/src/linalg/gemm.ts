import type { Gemm, Matrix } from '../compute.ts'
import { simdKernels } from '../kernels/simd.ts'
import { matrix, transpose } from './matrix.ts'

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

/**
 * `C = op(A) op(B)` in f64 on one core: 4 × 4 results at a time in registers, from operands packed to fit the cache.
 * Every element is summed in the order of the inner index, in runs of 256, whatever the outer sizes.
 * @throws RangeError when the inner sizes disagree
 */
export const gemm: Gemm = async (a, b, options = {}) => {
  const left = options.transA ? transpose(a) : a
  const right = options.transB ? transpose(b) : b
  if (left.cols !== right.rows)
    throw new RangeError(`gemm: [${left.rows}, ${left.cols}] times [${right.rows}, ${right.cols}]: inner sizes differ`)
  const c = matrix(left.rows, right.cols)
  for (let k = 0; k < left.cols; k += depth)
    for (let i = 0; i < left.rows; i += height) multiplyBlock(left, right, c, i, k)
  return c
}

/** Adds to a band of rows of C what a run of the inner index gives. */
function multiplyBlock(a: Matrix, b: Matrix, c: Matrix, i0: number, k0: number): void {
  simd ??= simdKernels(floats * 8)
  const { kernels, memory } = simd
  const i1 = Math.min(a.rows, i0 + height)
  const k1 = Math.min(a.cols, k0 + depth)
  const quads = Math.ceil((i1 - i0) / 4)
  packRows(a, i0, i1, k0, k1, memory)
  const aBytes = quads * (k1 - k0) * 32
  for (let j = 0; j < b.cols; j += 4) {
    packColumns(b, j, k0, k1, memory)
    kernels.tiles(0, aBytes, bAt * 8, cAt * 8, (k1 - k0) * 32)
    addTiles(c, i0, i1, j, memory)
  }
}

/** Four rows side by side, [k, 4] a quad; missing rows are 0. */
function packRows({ data, cols }: Matrix, i0: number, i1: number, k0: number, k1: number, to: Float64Array): void {
  let at = 0
  for (let i = i0; i < i1; i += 4, at += (k1 - k0) * 4)
    for (let q = 0; q < 4; q++)
      for (let k = k0, p = at + q; k < k1; k++, p += 4) to[p] = i + q < i1 ? data[(i + q) * cols + k]! : 0
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
