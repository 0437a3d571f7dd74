import type { Compute, Matrix } from '../compute.ts'
import { accumulate, viewOf } from './gemm.ts'
import { matrix, submatrix } from './matrix.ts'
import { invertSmallLower } from './small-triangle.ts'

/** Columns factored by plain loops at a time; the rest of the work is products. */
export const panel = 128

/** A matrix that should be positive definite is not, as far as rounding can tell. */
export class NotPositiveDefiniteError extends Error {
  /** Where elimination met a pivot that is not positive. */
  readonly column: number
  constructor(column: number, pivot: number) {
    super(`cholesky: pivot ${column} is ${pivot}; expected a positive definite matrix. Add damping to the diagonal.`)
    this.name = 'NotPositiveDefiniteError'
    this.column = column
  }
}

/**
 * The lower factor L of a symmetric positive definite A = L Lᵀ; only the lower triangle of A is read.
 * @throws NotPositiveDefiniteError
 */
export async function cholesky(a: Matrix, compute: Pick<Compute, 'pool'>): Promise<Matrix> {
  const l = matrix(a.rows, a.cols, Float64Array.from(a.data))
  await choleskyInPlace(l, compute)
  return l
}

/**
 * `cholesky` that overwrites its argument; the upper triangle becomes zero. Blocked, left-looking: a panel takes one product
 * with what is already factored, and what lies below its square one with the inverse of that square.
 */
export async function choleskyInPlace(a: Matrix, { pool }: Pick<Compute, 'pool'>): Promise<void> {
  const n = a.rows
  if (a.cols !== n) throw new RangeError(`cholesky: expected a square matrix, got [${n}, ${a.cols}]`)
  for (let j = 0; j < n; j += panel) {
    const end = Math.min(n, j + panel)
    const done = viewOf(a, j, end, 0, j)
    if (j > 0) await accumulate(viewOf(a, j, n, j, end), viewOf(a, j, n, 0, j), done, pool, { transB: true, sign: -1 })
    factorSquare(a, j, end)
    if (end === n) continue
    const below = submatrix(a, end, n, j, end)
    const inverse = invertSmallLower(submatrix(a, j, end, j, end))
    for (let r = end; r < n; r++) a.data.fill(0, r * n + j, r * n + end)
    await accumulate(viewOf(a, end, n, j, end), viewOf(below), viewOf(inverse), pool, { transB: true })
  }
}

/** Factors the square on the diagonal, and clears what is right of it. */
function factorSquare({ data, rows: n }: Matrix, start: number, end: number): void {
  for (let j = start; j < end; j++) {
    const row = j * n + start
    const pivot = data[j * n + j]! - dot(data, row, row, j - start)
    // Also refuses NaN.
    if (!(pivot > 0)) throw new NotPositiveDefiniteError(j, pivot)
    const root = Math.sqrt(pivot)
    data[j * n + j] = root
    for (let i = j + 1; i < end; i++)
      data[i * n + j] = (data[i * n + j]! - dot(data, i * n + start, row, j - start)) / root
    data.fill(0, j * n + j + 1, (j + 1) * n)
  }
}

/** Product of two runs of one array; indices rather than views, which cost more than a short product. */
function dot(data: Float64Array, a: number, b: number, length: number): number {
  let sum = 0
  for (let i = 0; i < length; i++) sum += data[a + i]! * data[b + i]!
  return sum
}
