import type { Compute, Matrix } from '../compute.ts'
import { rotateRows, signOfLargest } from './eigen.ts'
import { gemm } from './gemm.ts'
import { identity, matrix, transposed } from './matrix.ts'
import { qr } from './qr.ts'

export interface Svd {
  /** [m, r] orthonormal columns, r = min(m, n); the largest entry of each is positive. */
  readonly u: Matrix
  /** Descending [r]. */
  readonly s: Float64Array
  /** [r, n] orthonormal rows. */
  readonly vt: Matrix
}

/** Cyclic Jacobi converges quadratically: 6 to 12 sweeps are usual. */
const mostSweeps = 60

/**
 * Singular value decomposition M = U diag(s) Vᵀ by one-sided Jacobi rotations on the R of a QR factorization: accurate to the
 * last digits also for small singular values (Demmel and Veselić 1992), at about 10 n³ multiply-adds.
 * @throws Error when the matrix is not finite
 */
export async function svd(m: Matrix, compute: Pick<Compute, 'gemm'> = { gemm }): Promise<Svd> {
  if (m.rows < m.cols) {
    const { u, s, vt } = await svd(transposed(m), compute)
    return signed({ u: transposed(vt), s, vt: transposed(u) })
  }
  const { q, r } = qr(m)
  // Rows of `columns` are the columns of R; turning pairs of them until all are orthogonal gives diag(s) Uᵀ.
  const columns = transposed(r)
  const vt = identity(m.cols)
  for (let sweep = 0; rotateAll(columns, vt); sweep++)
    if (sweep === mostSweeps) throw new Error('svd: no convergence; expected a finite matrix')
  const small = ordered(columns, vt)
  return signed({ ...small, u: await compute.gemm(q, small.u) })
}

/** One sweep over all pairs. Whether anything moved. */
function rotateAll(columns: Matrix, vt: Matrix): boolean {
  let moved = false
  for (let i = 0; i + 1 < columns.rows; i++)
    for (let j = i + 1; j < columns.rows; j++) {
      const a = product(columns, i, i)
      const b = product(columns, j, j)
      const c = product(columns, i, j)
      // Written so that NaN counts as movement and ends in the sweep limit.
      if (Math.abs(c) <= Number.EPSILON * Math.sqrt(a * b)) continue
      const { cosine, sine } = rotation(a, b, c)
      rotateRows(columns, i, j, cosine, sine)
      rotateRows(vt, i, j, cosine, sine)
      moved = true
    }
  return moved
}

/** The smaller of the two turns that make the rows with squares a, b and product c orthogonal. */
function rotation(a: number, b: number, c: number): { cosine: number; sine: number } {
  const half = (b - a) / (2 * c)
  const tangent = (half < 0 ? -1 : 1) / (Math.abs(half) + Math.hypot(1, half))
  const cosine = 1 / Math.hypot(1, tangent)
  return { cosine, sine: cosine * tangent }
}

function product({ data, cols }: Matrix, i: number, j: number): number {
  let sum = 0
  for (let k = 0, a = i * cols, b = j * cols; k < cols; k++) sum += data[a + k]! * data[b + k]!
  return sum
}

/** Largest first; rows that are zero get unit vectors orthogonal to the rest. */
function ordered(columns: Matrix, vt: Matrix): Svd {
  const n = columns.rows
  const lengths = Float64Array.from({ length: n }, (_, i) => Math.sqrt(product(columns, i, i)))
  const order = Array.from(lengths, (_, i) => i).sort((i, j) => lengths[j]! - lengths[i]! || i - j)
  const ut = matrix(n, columns.cols)
  const v = matrix(n, vt.cols)
  order.forEach((from, to) => {
    v.data.set(vt.data.subarray(from * vt.cols, (from + 1) * vt.cols), to * vt.cols)
    if (lengths[from] === 0) completeRow(ut, to)
    else
      for (let k = 0; k < ut.cols; k++) ut.data[to * ut.cols + k] = columns.data[from * ut.cols + k]! / lengths[from]!
  })
  return { u: transposed(ut), s: Float64Array.from(order, i => lengths[i]!), vt: v }
}

/** Fills row `at` with a unit vector orthogonal to the rows before it: the best of the axes, orthogonalized twice. */
function completeRow({ data, cols }: Matrix, at: number): void {
  const row = data.subarray(at * cols, (at + 1) * cols)
  for (let axis = 0; axis < cols; axis++) {
    row.fill(0)
    row[axis] = 1
    for (let twice = 0; twice < 2; twice++)
      for (let i = 0; i < at; i++) {
        const other = data.subarray(i * cols, (i + 1) * cols)
        const along = row.reduce((sum, x, k) => sum + x * other[k]!, 0)
        for (let k = 0; k < cols; k++) row[k]! -= along * other[k]!
      }
    const length = Math.hypot(...row)
    // Some axis keeps at least 1/√n of its length.
    if (length < 0.5 / Math.sqrt(cols)) continue
    for (let k = 0; k < cols; k++) row[k]! /= length
    return
  }
}

function signed({ u, s, vt }: Svd): Svd {
  const columns = transposed(u)
  for (let j = 0; j < s.length; j++) {
    const column = columns.data.subarray(j * u.rows, (j + 1) * u.rows)
    if (signOfLargest(column) > 0) continue
    for (let k = 0; k < column.length; k++) column[k]! *= -1
    for (let k = 0; k < vt.cols; k++) vt.data[j * vt.cols + k]! *= -1
  }
  return { u: transposed(columns), s, vt }
}

/**
 * The Moore–Penrose inverse [n, m].
 * @param tolerance singular values up to this share of the largest count as zero; max(m, n)·2⁻⁵² by default
 */
export async function pseudoInverse(
  m: Matrix,
  { tolerance = Math.max(m.rows, m.cols) * Number.EPSILON }: { tolerance?: number } = {},
  compute: Pick<Compute, 'gemm'> = { gemm },
): Promise<Matrix> {
  const { u, s, vt } = await svd(m, compute)
  const scaled = matrix(vt.rows, vt.cols, Float64Array.from(vt.data))
  for (let i = 0; i < s.length; i++) {
    const inverse = s[i]! > tolerance * s[0]! ? 1 / s[i]! : 0
    for (let k = 0; k < vt.cols; k++) scaled.data[i * vt.cols + k]! *= inverse
  }
  return compute.gemm(scaled, u, { transA: true, transB: true })
}
