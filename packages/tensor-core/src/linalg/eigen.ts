import type { Matrix } from '../compute.ts'
import { identity, matrix, transposed } from './matrix.ts'

export interface Eigen {
  /** Ascending [n]. */
  readonly values: Float64Array
  /** [n, n]: column j belongs to value j; of unit length, its largest entry positive. */
  readonly vectors: Matrix
}

/** QL takes under two steps a value on average; far more means the input was not finite. */
const mostSteps = 60

/**
 * Eigenvalues and vectors of a symmetric matrix: Householder tridiagonalization, then implicit QL (Golub and Van Loan, §8.3).
 * Only symmetry within rounding is assumed; the lower triangle is what counts.
 * @throws RangeError when the matrix is not square, Error when it is not finite
 */
export function symmetricEigen(a: Matrix): Eigen {
  if (a.rows !== a.cols) throw new RangeError(`symmetricEigen: expected a square matrix, got [${a.rows}, ${a.cols}]`)
  const { diagonal, off, q } = tridiagonalize(a)
  const rows = transposed(q)
  implicitQl(diagonal, off, rows)
  return sorted(diagonal, rows)
}

/** A = Q T Qᵀ with T tridiagonal: its diagonal [n], and what stands beside it [n] (the last one 0). */
function tridiagonalize({ rows: n, data }: Matrix): { diagonal: Float64Array; off: Float64Array; q: Matrix } {
  const a = Float64Array.from(data)
  const diagonal = new Float64Array(n)
  const off = new Float64Array(n)
  const reflectors: Float64Array[] = []
  for (let k = 0; k < n; k++) {
    diagonal[k] = a[k * n + k]!
    if (k === n - 1) break
    const v = Float64Array.from({ length: n - k - 1 }, (_, i) => a[(k + 1 + i) * n + k]!)
    off[k] = reflector(v)
    reflectors.push(v)
    reflectBothSides(a, n, k + 1, v)
  }
  return { diagonal, off, q: productOf(reflectors, n) }
}

/** Makes x a vector v, |v|² = 2, with (I − v vᵀ) x = (β, 0, …); returns β. A vector that is (β, 0 …) already becomes 0. */
function reflector(x: Float64Array): number {
  let scale = 0
  for (let i = 1; i < x.length; i++) scale = Math.max(scale, Math.abs(x[i]!))
  const first = x[0]!
  if (scale === 0) {
    x.fill(0)
    return first
  }
  scale = Math.max(scale, Math.abs(first))
  let square = 0
  for (let i = 0; i < x.length; i++) square += (x[i]! / scale) ** 2
  const beta = first > 0 ? -scale * Math.sqrt(square) : scale * Math.sqrt(square)
  // |x − β e|² = 2β(β − x₀), so that this factor brings it to 2.
  const factor = 1 / Math.sqrt(beta * (beta - first))
  x[0] = first - beta
  for (let i = 0; i < x.length; i++) x[i]! *= factor
  return beta
}

/** A ← (I − v vᵀ) A (I − v vᵀ) on the trailing block from `start`, as one symmetric update of rank two. */
function reflectBothSides(a: Float64Array, n: number, start: number, v: Float64Array): void {
  const size = v.length
  const w = new Float64Array(size)
  let inner = 0
  for (let i = 0; i < size; i++) {
    let sum = 0
    for (let j = 0, at = (start + i) * n + start; j < size; j++) sum += a[at + j]! * v[j]!
    w[i] = sum
    inner += sum * v[i]!
  }
  for (let i = 0; i < size; i++) w[i]! -= (inner / 2) * v[i]!
  for (let i = 0; i < size; i++)
    for (let j = 0, at = (start + i) * n + start; j < size; j++) a[at + j]! -= v[i]! * w[j]! + w[i]! * v[j]!
}

/** H₀ H₁ …, the k-th acting on the indices from k + 1. */
function productOf(reflectors: readonly Float64Array[], n: number): Matrix {
  const q = identity(n)
  for (let k = reflectors.length - 1; k >= 0; k--) {
    const v = reflectors[k]!
    const row = new Float64Array(n)
    for (let i = 0; i < v.length; i++)
      for (let j = k + 1, at = (k + 1 + i) * n; j < n; j++) row[j]! += v[i]! * q.data[at + j]!
    for (let i = 0; i < v.length; i++)
      for (let j = k + 1, at = (k + 1 + i) * n; j < n; j++) q.data[at + j]! -= v[i]! * row[j]!
  }
  return q
}

/** Diagonalizes T in place by plane rotations, which also act on the rows of `vectors`. */
function implicitQl(d: Float64Array, e: Float64Array, vectors: Matrix): void {
  const n = d.length
  let norm = 0
  for (let i = 0; i < n; i++) norm = Math.max(norm, Math.abs(d[i]!) + Math.abs(e[i]!))
  const small = (i: number) =>
    Math.abs(e[i]!) <= Number.EPSILON * Math.max(Math.abs(d[i]!) + Math.abs(d[i + 1]!), Number.EPSILON * norm)
  for (let low = 0; low < n; low++)
    for (let steps = 0; ; steps++) {
      let high = low
      while (high < n - 1 && !small(high)) high++
      if (high === low) break
      if (steps === mostSteps) throw new Error('symmetricEigen: no convergence; expected a finite symmetric matrix')
      qlStep(d, e, vectors, low, high)
    }
}

/** One implicit QL step on the unreduced part low … high, shifted towards the eigenvalue of its top corner. */
function qlStep(d: Float64Array, e: Float64Array, vectors: Matrix, low: number, high: number): void {
  const half = (d[low + 1]! - d[low]!) / (2 * e[low]!)
  const root = Math.hypot(half, 1)
  let bulge = d[high]! - d[low]! + e[low]! / (half + (half < 0 ? -root : root))
  let sine = 1
  let cosine = 1
  let shift = 0
  for (let i = high - 1; i >= low; i--) {
    const outside = sine * e[i]!
    const inside = cosine * e[i]!
    const length = Math.hypot(outside, bulge)
    e[i + 1] = length
    if (length === 0) {
      // The part has fallen in two: start again on the smaller.
      d[i + 1]! -= shift
      e[high] = 0
      return
    }
    sine = outside / length
    cosine = bulge / length
    const next = d[i + 1]! - shift
    const turn = (d[i]! - next) * sine + 2 * cosine * inside
    shift = sine * turn
    d[i + 1] = next + shift
    bulge = cosine * turn - inside
    rotateRows(vectors, i, i + 1, cosine, sine)
  }
  d[low]! -= shift
  e[low] = bulge
  e[high] = 0
}

/** Rows (a, b) ← (c·a − s·b, s·a + c·b). */
export function rotateRows({ data, cols }: Matrix, a: number, b: number, cosine: number, sine: number): void {
  for (let k = 0, at = a * cols, bt = b * cols; k < cols; k++, at++, bt++) {
    const x = data[at]!
    const y = data[bt]!
    data[at] = cosine * x - sine * y
    data[bt] = sine * x + cosine * y
  }
}

function sorted(values: Float64Array, rows: Matrix): Eigen {
  const order = Array.from(values, (_, i) => i).sort((i, j) => values[i]! - values[j]! || i - j)
  const out = matrix(rows.rows, rows.cols)
  order.forEach((from, to) => {
    const row = rows.data.subarray(from * rows.cols, (from + 1) * rows.cols)
    const sign = signOfLargest(row)
    for (let k = 0; k < row.length; k++) out.data[k * out.cols + to] = sign * row[k]!
  })
  return { values: Float64Array.from(order, i => values[i]!), vectors: out }
}

/** −1 when the entry of largest size is negative: the sign that results are normalized by. */
export function signOfLargest(x: Float64Array): number {
  let largest = 0
  for (let i = 1; i < x.length; i++) if (Math.abs(x[i]!) > Math.abs(x[largest]!)) largest = i
  return x[largest]! < 0 ? -1 : 1
}
