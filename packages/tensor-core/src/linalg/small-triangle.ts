import type { Matrix } from '../compute.ts'
import { matrix } from './matrix.ts'

/** The inverse of a small lower triangular matrix by substitution, in plain loops. */
export function invertSmallLower({ rows: n, data }: Matrix): Matrix {
  const inverse = matrix(n, n)
  const x = inverse.data
  for (let r = 0; r < n; r++) {
    for (let k = 0; k < r; k++) {
      const factor = data[r * n + k]!
      for (let c = 0; c <= k; c++) x[r * n + c]! -= factor * x[k * n + c]!
    }
    const pivot = data[r * n + r]!
    for (let c = 0; c < r; c++) x[r * n + c]! /= pivot
    x[r * n + r] = 1 / pivot
  }
  return inverse
}
