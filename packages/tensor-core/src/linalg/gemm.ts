import type { Gemm, Matrix } from '../compute.ts'
import { kernelRef, type Pool } from '../kernels/pool.ts'
import { addProduct, type ProductArgs, type View } from '../kernels/product.ts'
import { isShared } from '../kernels/shared-memory.ts'
import { matrix, transposed } from './matrix.ts'

/** The rows [r0, r1) and columns [c0, c1) of a matrix, in place. */
export const viewOf = (m: Matrix, r0 = 0, r1: number = m.rows, c0 = 0, c1: number = m.cols): View => ({
  data: m.data,
  offset: r0 * m.cols + c0,
  stride: m.cols,
  rows: r1 - r0,
  cols: c1 - c0,
})

/**
 * `C = op(A) op(B)` in f64 on one core, by WebAssembly SIMD.
 * @throws RangeError when the inner sizes disagree
 */
export const gemm: Gemm = async (a, b, { transA = false, transB = false } = {}) => {
  const left = transA ? transposed(a) : a
  const inner = transB ? b.cols : b.rows
  if (left.cols !== inner)
    throw new RangeError(
      `gemm: inner sizes of [${left.rows}, ${left.cols}] and [${inner}, ${transB ? b.rows : b.cols}] differ`,
    )
  const c = matrix(left.rows, transB ? b.rows : b.cols)
  await accumulate(viewOf(c), viewOf(left), viewOf(b), undefined, { transB })
  return c
}

/** Multiply-adds below which waking other threads costs more than it gives: about 0.2 ms of one core. */
const worthSharing = 1e6

const kernel = kernelRef(import.meta.url, '../kernels/product', 'addProduct')

/**
 * `C += sign · A op(B)` in place, over the threads of a pool when all three lie in shared memory. Equal to the bit, whatever
 * the number of threads. Products are fused with their sums where the machine can (ADR 5).
 */
export async function accumulate(
  c: View,
  a: View,
  b: View,
  pool: Pool | undefined,
  { transB = false, sign = 1, lowerB = false }: Partial<Pick<ProductArgs, 'transB' | 'sign' | 'lowerB'>> = {},
): Promise<void> {
  // Along the longer side, so that each thread packs little of what all need.
  const by = c.rows > c.cols ? 'rows' : 'cols'
  const quads = Math.ceil((by === 'rows' ? c.rows : c.cols) / 4)
  const args: ProductArgs = { c, a, b, transB, sign, lowerB, by }
  const shared = pool && pool.threads > 1 && [c, a, b].every(view => isShared(view.data))
  if (shared && c.rows * c.cols * a.cols >= worthSharing) await pool.rows(kernel, quads, args)
  else addProduct(args, 0, quads)
}
