import type { Compute, Matrix } from '../compute.ts'
import { block, matrix, subtractAt } from './matrix.ts'

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
      const done = block(a, j, n, 0, j)
      const update = await gemm(done, block(done, 0, end - j), { transB: true })
      subtractAt(a, update, j, j)
    }
    factorPanel(a, j, end)
  }
}

function factorPanel({ data, rows: n }: Matrix, start: number, end: number): void {
  for (let j = start; j < end; j++) {
    const pivotRow = data.subarray(j * n + start, j * n + j)
    const pivot = data[j * n + j]! - dot(pivotRow, pivotRow)
    // Also refuses NaN.
    if (!(pivot > 0)) throw new NotPositiveDefiniteError(j, pivot)
    const root = Math.sqrt(pivot)
    data[j * n + j] = root
    for (let i = j + 1; i < n; i++) {
      const at = i * n + j
      data[at] = (data[at]! - dot(data.subarray(i * n + start, at), pivotRow)) / root
    }
    data.fill(0, j * n + j + 1, (j + 1) * n)
  }
}

function dot(a: Float64Array, b: Float64Array): number {
  let s0 = 0
  let s1 = 0
  let i = 0
  for (; i + 1 < a.length; i += 2) {
    s0 += a[i]! * b[i]!
    s1 += a[i + 1]! * b[i + 1]!
  }
  return i < a.length ? s0 + s1 + a[i]! * b[i]! : s0 + s1
}
