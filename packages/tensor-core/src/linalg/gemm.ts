import type { Gemm, Matrix } from '../compute.ts'
import { gemmColumns } from '../kernels/gemm-columns.ts'
import { kernelRef, type Pool } from '../kernels/pool.ts'
import { matrix, transposed } from './matrix.ts'

/**
 * `C = op(A) op(B)` in f64 on one core: 4 × 4 results at a time in SIMD registers, from operands packed to fit the cache.
 * Every element is summed in the order of the inner index, in runs of 256, whatever the outer sizes.
 * @throws RangeError when the inner sizes disagree
 */
export const gemm: Gemm = async (a, b, options = {}) => {
  const { left, right } = operands(a, b, options)
  const c = matrix(left.rows, right.cols)
  gemmColumns({ a: left, b: right, c }, 0, Math.ceil(right.cols / 4))
  return c
}

/** Multiply-adds below which waking other threads costs more than it gives: about 0.2 ms of one core. */
const worthSharing = 1e6

const columns = kernelRef(import.meta.url, '../kernels/gemm-columns', 'gemmColumns')

/** `gemm` shared over the threads of a pool by columns; equal to the bit, whatever the number of threads. */
export const pooledGemm =
  (pool: Pool): Gemm =>
  async (a, b, options = {}) => {
    const { left, right } = operands(a, b, options)
    if (pool.threads === 1 || left.rows * left.cols * right.cols < worthSharing) return gemm(left, right)
    const c = matrix(left.rows, right.cols, new Float64Array(new SharedArrayBuffer(left.rows * right.cols * 8)))
    await pool.rows(columns, Math.ceil(right.cols / 4), { a: toShared(left), b: toShared(right), c })
    return c
  }

function operands(a: Matrix, b: Matrix, options: { transA?: boolean; transB?: boolean }) {
  const left = options.transA ? transposed(a) : a
  const right = options.transB ? transposed(b) : b
  if (left.cols !== right.rows)
    throw new RangeError(`gemm: [${left.rows}, ${left.cols}] times [${right.rows}, ${right.cols}]: inner sizes differ`)
  return { left, right }
}

/** Other threads would otherwise be sent a copy of the whole buffer behind the numbers. */
function toShared(m: Matrix): Matrix {
  if (m.data.buffer instanceof SharedArrayBuffer) return m
  const data = new Float64Array(new SharedArrayBuffer(m.data.byteLength))
  data.set(m.data)
  return { ...m, data }
}
