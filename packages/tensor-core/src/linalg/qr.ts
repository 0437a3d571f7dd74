import type { Matrix } from '../compute.ts'
import { matrix, transposed } from './matrix.ts'

export interface Qr {
  /** [m, r] with orthonormal columns, r = min(m, n). */
  readonly q: Matrix
  /** [r, n], zero below its diagonal, which is ≥ 0. */
  readonly r: Matrix
}

/** M = Q R by Householder reflections. Works on the transposed, so that columns are contiguous. */
export function qr(m: Matrix): Qr {
  const columns = transposed(m)
  const rank = Math.min(m.rows, m.cols)
  const reflectors: Float64Array[] = []
  for (let k = 0; k < rank; k++) {
    const v = reflectorOf(columns.data.subarray(k * m.rows + k, (k + 1) * m.rows))
    reflectors.push(v)
    for (let j = k; j < m.cols; j++) reflect(columns.data, j * m.rows + k, v)
  }
  return positiveDiagonal(orthogonal(reflectors, m.rows), upper(columns, rank))
}

/** v with |v|² = 2 (or 0) such that (I − v vᵀ) x has only a first entry. */
function reflectorOf(x: Float64Array): Float64Array {
  const length = Math.hypot(...x)
  const v = Float64Array.from(x)
  if (length === 0) return v.fill(0)
  const beta = x[0]! > 0 ? -length : length
  v[0]! -= beta
  const factor = 1 / Math.sqrt(beta * (beta - x[0]!))
  return v.map(value => value * factor)
}

function reflect(data: Float64Array, at: number, v: Float64Array): void {
  let sum = 0
  for (let i = 0; i < v.length; i++) sum += v[i]! * data[at + i]!
  for (let i = 0; i < v.length; i++) data[at + i]! -= sum * v[i]!
}

/** Qᵀ [r, m]: the reflections applied to the first unit vectors, last one first. */
function orthogonal(reflectors: readonly Float64Array[], rows: number): Matrix {
  const q = matrix(reflectors.length, rows)
  for (let j = 0; j < q.rows; j++) {
    q.data[j * rows + j] = 1
    for (let k = q.rows - 1; k >= 0; k--) reflect(q.data, j * rows + k, reflectors[k]!)
  }
  return q
}

function upper(columns: Matrix, rank: number): Matrix {
  const r = matrix(rank, columns.rows)
  for (let j = 0; j < columns.rows; j++)
    for (let i = 0; i <= Math.min(j, rank - 1); i++) r.data[i * r.cols + j] = columns.data[j * columns.cols + i]!
  return r
}

function positiveDiagonal(qt: Matrix, r: Matrix): Qr {
  for (let k = 0; k < r.rows; k++) {
    if (r.data[k * r.cols + k]! >= 0) continue
    for (let j = 0; j < r.cols; j++) r.data[k * r.cols + j]! *= -1
    for (let j = 0; j < qt.cols; j++) qt.data[k * qt.cols + j]! *= -1
  }
  return { q: transposed(qt), r }
}
