import type { Compute, Matrix } from '../compute.ts'
import { matrix, rowsOf, submatrix, subtractAt } from './matrix.ts'

/** Columns factored by plain loops at a time; the rest of the work is products. */
const panel = 64

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
 * Blocked, left-looking: each panel takes one product with what is already factored.
 * @throws NotPositiveDefiniteError
 */
export async function cholesky(a: Matrix, compute: Pick<Compute, 'gemm'>): Promise<Matrix> {
  const l = matrix(a.rows, a.cols, Float64Array.from(a.data))
  await choleskyInPlace(l, compute)
  return l
}

/** `cholesky` that overwrites its argument; the upper triangle becomes zero. */
export async function choleskyInPlace(a: Matrix, { gemm }: Pick<Compute, 'gemm'>): Promise<void> {
  const n = a.rows
  if (a.cols !== n) throw new RangeError(`cholesky: expected a square matrix, got [${n}, ${a.cols}]`)
  for (let j = 0; j < n; j += panel) {
    const end = Math.min(n, j + panel)
    if (j > 0) {
      const done = submatrix(a, j, n, 0, j)
      const update = await gemm(done, rowsOf(done, 0, end - j), { transB: true })
      subtractAt(a, update, j, j)
    }
    factorPanel(a, j, end)
  }
}

function factorPanel({ data, rows: n }: Matrix, start: number, end: number): void {
  for (let j = start; j < end; j++) {
    const row = j * n + start
    const pivot = data[j * n + j]! - dot(data, row, row, j - start)
    // Also refuses NaN.
    if (!(pivot > 0)) throw new NotPositiveDefiniteError(j, pivot)
    const root = Math.sqrt(pivot)
    data[j * n + j] = root
    for (let i = j + 1; i < n; i++)
      data[i * n + j] = (data[i * n + j]! - dot(data, i * n + start, row, j - start)) / root
    data.fill(0, j * n + j + 1, (j + 1) * n)
  }
}

/** Product of two runs of one array; indices rather than views, which cost more than a short product. */
function dot(data: Float64Array, a: number, b: number, length: number): number {
  let even = 0
  let odd = 0
  let i = 0
  for (; i + 1 < length; i += 2) {
    even += data[a + i]! * data[b + i]!
    odd += data[a + i + 1]! * data[b + i + 1]!
  }
  return i < length ? even + odd + data[a + i]! * data[b + i]! : even + odd
}
