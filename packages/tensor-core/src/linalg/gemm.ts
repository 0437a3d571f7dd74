import type { Gemm, Matrix } from '../compute.ts'
import { matrix, transpose } from './matrix.ts'

/** Rows of B that stay in the second-level cache while all of A passes: 128 × 256 numbers are 256 kB. */
const depth = 128
const width = 256

/**
 * `C = op(A) op(B)` in f64 on one core, plain TypeScript: 4 × 4 results in registers over blocks of B that fit the cache.
 * Every result is summed in the order of k, whatever the block sizes.
 * @throws RangeError when the inner sizes disagree
 */
export const gemm: Gemm = async (a, b, options = {}) => {
  const left = options.transA ? transpose(a) : a
  const right = options.transB ? transpose(b) : b
  if (left.cols !== right.rows)
    throw new RangeError(`gemm: [${left.rows}, ${left.cols}] times [${right.rows}, ${right.cols}]: inner sizes differ`)
  return multiply(left, right)
}

function multiply(a: Matrix, b: Matrix): Matrix {
  const c = matrix(a.rows, b.cols)
  const packed = new Float64Array(depth * width)
  for (let k0 = 0; k0 < a.cols; k0 += depth)
    for (let j0 = 0; j0 < b.cols; j0 += width) {
      const k1 = Math.min(a.cols, k0 + depth)
      const j1 = Math.min(b.cols, j0 + width)
      packQuads(b, k0, k1, j0, j1, packed)
      for (let j = j0; j < j1; j += 4) {
        const panel = packed.subarray((j - j0) * (k1 - k0), (j - j0 + 4) * (k1 - k0))
        for (let i = 0; i < a.rows; i += 4) tile4x4(a, panel, c, i, j, k0, k1)
      }
    }
  return c
}

/** Lays four neighbouring columns of B side by side, so that the inner loop reads one stream. Missing columns are 0. */
function packQuads(b: Matrix, k0: number, k1: number, j0: number, j1: number, to: Float64Array): void {
  let at = 0
  for (let j = j0; j < j1; j += 4)
    for (let k = k0; k < k1; k++) for (let q = 0; q < 4; q++) to[at++] = j + q < j1 ? b.data[k * b.cols + j + q]! : 0
}

/** Adds a 4 × 4 piece of the product to C. Rows beyond the last repeat it and are not stored. */
function tile4x4(a: Matrix, panel: Float64Array, c: Matrix, i: number, j: number, k0: number, k1: number): void {
  const last = a.rows - 1
  const data = a.data
  const r0 = i * a.cols
  const r1 = Math.min(i + 1, last) * a.cols
  const r2 = Math.min(i + 2, last) * a.cols
  const r3 = Math.min(i + 3, last) * a.cols
  let c00 = 0,
    c01 = 0,
    c02 = 0,
    c03 = 0
  let c10 = 0,
    c11 = 0,
    c12 = 0,
    c13 = 0
  let c20 = 0,
    c21 = 0,
    c22 = 0,
    c23 = 0
  let c30 = 0,
    c31 = 0,
    c32 = 0,
    c33 = 0
  for (let k = k0, p = 0; k < k1; k++, p += 4) {
    const b0 = panel[p]!
    const b1 = panel[p + 1]!
    const b2 = panel[p + 2]!
    const b3 = panel[p + 3]!
    const a0 = data[r0 + k]!
    const a1 = data[r1 + k]!
    const a2 = data[r2 + k]!
    const a3 = data[r3 + k]!
    c00 += a0 * b0
    c01 += a0 * b1
    c02 += a0 * b2
    c03 += a0 * b3
    c10 += a1 * b0
    c11 += a1 * b1
    c12 += a1 * b2
    c13 += a1 * b3
    c20 += a2 * b0
    c21 += a2 * b1
    c22 += a2 * b2
    c23 += a2 * b3
    c30 += a3 * b0
    c31 += a3 * b1
    c32 += a3 * b2
    c33 += a3 * b3
  }
  addRow(c, i, j, c00, c01, c02, c03)
  if (i < last) addRow(c, i + 1, j, c10, c11, c12, c13)
  if (i + 1 < last) addRow(c, i + 2, j, c20, c21, c22, c23)
  if (i + 2 < last) addRow(c, i + 3, j, c30, c31, c32, c33)
}

function addRow(c: Matrix, i: number, j: number, x0: number, x1: number, x2: number, x3: number): void {
  const at = i * c.cols + j
  c.data[at]! += x0
  if (j + 1 < c.cols) c.data[at + 1]! += x1
  if (j + 2 < c.cols) c.data[at + 2]! += x2
  if (j + 3 < c.cols) c.data[at + 3]! += x3
}
