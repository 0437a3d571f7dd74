import type { Matrix } from '../compute.ts'

/** A matrix of zeros, or one around existing row-major data. @throws RangeError when the data do not fill it */
export function matrix(rows: number, cols: number, data: Float64Array = new Float64Array(rows * cols)): Matrix {
  if (data.length !== rows * cols)
    throw new RangeError(`matrix [${rows}, ${cols}]: expected ${rows * cols} numbers, got ${data.length}`)
  return { rows, cols, data }
}

/** A copy of the rows [r0, r1) and columns [c0, c1). */
export function submatrix(m: Matrix, r0: number, r1: number, c0 = 0, c1: number = m.cols): Matrix {
  const out = matrix(r1 - r0, c1 - c0)
  for (let r = r0; r < r1; r++) out.data.set(m.data.subarray(r * m.cols + c0, r * m.cols + c1), (r - r0) * out.cols)
  return out
}

/** The transposed, in tiles so that neither side misses the cache on every element. */
export function transposed(m: Matrix): Matrix {
  const out = matrix(m.cols, m.rows)
  const tile = 32
  for (let r0 = 0; r0 < m.rows; r0 += tile)
    for (let c0 = 0; c0 < m.cols; c0 += tile)
      for (let r = r0; r < Math.min(m.rows, r0 + tile); r++)
        for (let c = c0; c < Math.min(m.cols, c0 + tile); c++) out.data[c * m.rows + r] = m.data[r * m.cols + c]!
  return out
}

/** The identity. */
export function identity(n: number): Matrix {
  const out = matrix(n, n)
  for (let i = 0; i < n; i++) out.data[i * n + i] = 1
  return out
}
