import type { Compute, Matrix } from '../compute.ts'
import { borrow } from '../kernels/shared-memory.ts'
import { panel } from './cholesky.ts'
import { accumulate, viewOf } from './gemm.ts'
import { matrix, submatrix, transposed } from './matrix.ts'
import { invertSmallLower } from './small-triangle.ts'

/**
 * X with L X = B, L lower triangular.
 * @throws RangeError when sizes disagree, or a diagonal element is 0
 */
export async function solveLower(l: Matrix, b: Matrix, { pool }: Pick<Compute, 'pool'>): Promise<Matrix> {
  checkTriangle(l, b)
  const x = matrix(b.rows, b.cols, Float64Array.from(b.data))
  for (let i = 0; i < l.rows; i += panel) {
    const end = Math.min(l.rows, i + panel)
    await accumulate(viewOf(x, i, end), viewOf(l, i, end, 0, i), viewOf(x, 0, i), pool, { sign: -1 })
    substitute(l, x, i, end)
  }
  return x
}

/** X with U X = B, U upper triangular. The same solve with the order of the unknowns turned round. */
export async function solveUpper(u: Matrix, b: Matrix, compute: Pick<Compute, 'pool'>): Promise<Matrix> {
  return reverseRows(await solveLower(reverseBoth(u), reverseRows(b), compute))
}

/** X with A X = B, from the lower Cholesky factor of A. */
export async function solveCholesky(l: Matrix, b: Matrix, compute: Pick<Compute, 'pool'>): Promise<Matrix> {
  return solveUpper(transposed(l), await solveLower(l, b, compute), compute)
}

/** The inverse of a lower triangular matrix, written over it. Row i of the inverse needs only rows above it. */
export async function invertLowerInPlace(l: Matrix, { pool }: Pick<Compute, 'pool'>): Promise<void> {
  checkTriangle(l, l)
  const n = l.cols
  const loan = borrow(pool)
  const space = loan.floats(panel * n)
  for (let i = 0; i < n; i += panel) {
    const end = Math.min(n, i + panel)
    const inverse = invertSmallLower(submatrix(l, i, end, i, end))
    // X[i] = −inverse · (L[i, :i] X[:i]); small factor first, so that the product with X lands where it belongs.
    const factor = matrix(end - i, i, space.subarray(0, (end - i) * i).fill(0))
    await accumulate(viewOf(factor), viewOf(inverse), viewOf(l, i, end, 0, i), undefined)
    for (let r = i; r < end; r++) {
      l.data.fill(0, r * n, r * n + i)
      l.data.set(inverse.data.subarray((r - i) * inverse.cols, (r - i + 1) * inverse.cols), r * n + i)
    }
    await accumulate(viewOf(l, i, end, 0, i), viewOf(factor), viewOf(l, 0, i, 0, i), pool, { sign: -1, lowerB: true })
  }
  loan.end()
}

function checkTriangle(l: Matrix, b: Matrix): void {
  if (l.rows !== l.cols || l.cols !== b.rows)
    throw new RangeError(`triangular solve: [${l.rows}, ${l.cols}] and [${b.rows}, ${b.cols}] do not fit`)
  for (let i = 0; i < l.rows; i++)
    if (l.data[i * l.cols + i] === 0) throw new RangeError(`triangular solve: diagonal element ${i} is 0`)
}

/** Forward substitution of rows start … end of x with the square of l there. */
function substitute(l: Matrix, { data, cols }: Matrix, start: number, end: number): void {
  for (let r = start; r < end; r++) {
    for (let k = start; k < r; k++) {
      const factor = l.data[r * l.cols + k]!
      for (let c = 0, to = r * cols, from = k * cols; c < cols; c++) data[to + c]! -= factor * data[from + c]!
    }
    const pivot = l.data[r * l.cols + r]!
    for (let c = 0, to = r * cols; c < cols; c++) data[to + c]! /= pivot
  }
}

const reverseBoth = (m: Matrix): Matrix => matrix(m.rows, m.cols, Float64Array.from(m.data).reverse())

function reverseRows(m: Matrix): Matrix {
  const out = matrix(m.rows, m.cols)
  for (let r = 0; r < m.rows; r++)
    out.data.set(m.data.subarray(r * m.cols, (r + 1) * m.cols), (m.rows - 1 - r) * m.cols)
  return out
}
