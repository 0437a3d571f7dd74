import type { Compute, Matrix } from '../compute.ts'
import { matrix, rowsOf, submatrix, subtractAt, transposed } from './matrix.ts'

/** Rows solved by plain loops at a time; the rest of the work is products. */
const panel = 64

/**
 * X with L X = B, L lower triangular.
 * @throws RangeError when sizes disagree, or a diagonal element is 0
 */
export async function solveLower(l: Matrix, b: Matrix, { gemm }: Pick<Compute, 'gemm'>): Promise<Matrix> {
  checkTriangle(l, b)
  const x = matrix(b.rows, b.cols, Float64Array.from(b.data))
  for (let i = 0; i < l.rows; i += panel) {
    const end = Math.min(l.rows, i + panel)
    if (i > 0) subtractAt(x, await gemm(submatrix(l, i, end, 0, i), rowsOf(x, 0, i)), i, 0)
    substitute(l, x, i, end)
  }
  return x
}

/** X with U X = B, U upper triangular. The same solve with the order of the unknowns turned round. */
export async function solveUpper(u: Matrix, b: Matrix, compute: Pick<Compute, 'gemm'>): Promise<Matrix> {
  return reverseRows(await solveLower(reverseBoth(u), reverseRows(b), compute))
}

/** X with A X = B, from the lower Cholesky factor of A. */
export async function solveCholesky(l: Matrix, b: Matrix, compute: Pick<Compute, 'gemm'>): Promise<Matrix> {
  return solveUpper(transposed(l), await solveLower(l, b, compute), compute)
}

/** The inverse of a lower triangular matrix, written over it. Row i of the inverse needs only rows above it. */
export async function invertLowerInPlace(l: Matrix, { gemm }: Pick<Compute, 'gemm'>): Promise<void> {
  checkTriangle(l, l)
  for (let i = 0; i < l.rows; i += panel) {
    const end = Math.min(l.rows, i + panel)
    const diagonal = submatrix(l, i, end, i, end)
    if (i > 0) {
      const update = await gemm(submatrix(l, i, end, 0, i), submatrix(l, 0, i, 0, i))
      for (let r = i; r < end; r++) l.data.fill(0, r * l.cols, r * l.cols + i)
      subtractAt(l, update, i, 0)
    }
    for (let r = i; r < end; r++) {
      l.data.fill(0, r * l.cols + i, r * l.cols + end)
      l.data[r * l.cols + r] = 1
    }
    substituteBlock(diagonal, l, i, end)
  }
}

function checkTriangle(l: Matrix, b: Matrix): void {
  if (l.rows !== l.cols || l.cols !== b.rows)
    throw new RangeError(`triangular solve: [${l.rows}, ${l.cols}] and [${b.rows}, ${b.cols}] do not fit`)
  for (let i = 0; i < l.rows; i++)
    if (l.data[i * l.cols + i] === 0) throw new RangeError(`triangular solve: diagonal element ${i} is 0`)
}

const substitute = (l: Matrix, x: Matrix, start: number, end: number): void =>
  substituteBlock(submatrix(l, start, end, start, end), x, start)

/** Forward substitution of rows start … of x with a small triangle; columns from `used` on are 0 and stay so. */
function substituteBlock(t: Matrix, { data, cols }: Matrix, start: number, used: number = cols): void {
  for (let r = 0; r < t.rows; r++) {
    const row = (start + r) * cols
    for (let k = 0; k < r; k++) {
      const factor = t.data[r * t.cols + k]!
      if (factor === 0) continue
      for (let c = 0, above = (start + k) * cols; c < used; c++) data[row + c]! -= factor * data[above + c]!
    }
    const pivot = t.data[r * t.cols + r]!
    for (let c = 0; c < used; c++) data[row + c]! /= pivot
  }
}

const reverseBoth = (m: Matrix): Matrix => matrix(m.rows, m.cols, Float64Array.from(m.data).reverse())

function reverseRows(m: Matrix): Matrix {
  const out = matrix(m.rows, m.cols)
  for (let r = 0; r < m.rows; r++) out.data.set(rowsOf(m, r, r + 1).data, (m.rows - 1 - r) * m.cols)
  return out
}
