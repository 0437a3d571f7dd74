import type { Compute, Matrix } from '../compute.ts'
import { choleskyInPlace } from './cholesky.ts'
import { matrix, transposed } from './matrix.ts'
import { invertLowerInPlace } from './triangular.ts'

/**
 * Uᵀ with H⁻¹ = Uᵀ U, U upper triangular, without forming H⁻¹: with H = M Mᵀ, M upper, U is M⁻¹. M is the ordinary Cholesky
 * factor of H with the order of its rows and columns turned round, turned back.
 * @param reversed H with that order turned round, of which the lower triangle is read; becomes Uᵀ
 * @throws NotPositiveDefiniteError
 */
export async function lowerFactorOfInverseInPlace(reversed: Matrix, compute: Pick<Compute, 'pool'>): Promise<void> {
  await choleskyInPlace(reversed, compute)
  await invertLowerInPlace(reversed, compute)
  reflect(reversed.data, reversed.rows)
}

/** Uᵀ of H: row k holds what column k takes from each earlier column's error. @throws NotPositiveDefiniteError */
export async function lowerFactorOfInverse(h: Matrix, compute: Pick<Compute, 'pool'>): Promise<Matrix> {
  // Reversing the whole row-major array reverses rows and columns at once.
  const u = matrix(h.rows, h.cols, Float64Array.from(h.data).reverse())
  await lowerFactorOfInverseInPlace(u, compute)
  return u
}

/** The upper triangular U with H⁻¹ = Uᵀ U. @throws NotPositiveDefiniteError */
export async function upperFactorOfInverse(h: Matrix, compute: Pick<Compute, 'pool'>): Promise<Matrix> {
  return transposed(await lowerFactorOfInverse(h, compute))
}

/** Side of the squares that are exchanged at a time, so that neither side misses the cache on every element. */
const tile = 32

/** Turns a lower triangular matrix over its other diagonal: (r, c) and (n−1−c, n−1−r) change places. */
function reflect(data: Float64Array, n: number): void {
  for (let r0 = 0; r0 < n; r0 += tile)
    for (let c0 = 0; c0 <= r0 && r0 + c0 < n - 1; c0 += tile)
      for (let r = r0; r < Math.min(n, r0 + tile); r++) exchange(data, n, r, c0, Math.min(c0 + tile, r + 1, n - 1 - r))
}

/** Of row r, the columns [from, to). */
function exchange(data: Float64Array, n: number, r: number, from: number, to: number): void {
  for (let c = from, other = (n - 1 - from) * n + n - 1 - r; c < to; c++, other -= n) {
    const value = data[r * n + c]!
    data[r * n + c] = data[other]!
    data[other] = value
  }
}
