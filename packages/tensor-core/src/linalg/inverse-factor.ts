import type { Compute, Matrix } from '../compute.ts'
import { choleskyInPlace } from './cholesky.ts'
import { matrix, transposed } from './matrix.ts'
import { invertLowerInPlace } from './triangular.ts'

/**
 * The upper triangular U with H⁻¹ = Uᵀ U, without forming H⁻¹: with H = M Mᵀ, M upper, U is M⁻¹. M is the ordinary
 * Cholesky factor of H with the order of its rows and columns turned round, turned back.
 * @throws NotPositiveDefiniteError
 */
export async function upperFactorOfInverse(h: Matrix, compute: Pick<Compute, 'pool'>): Promise<Matrix> {
  const u = matrix(h.rows, h.cols, Float64Array.from(h.data))
  await upperFactorOfInverseInPlace(u, compute)
  return u
}

/** `upperFactorOfInverse` that overwrites its argument; the lower triangle becomes zero. */
export async function upperFactorOfInverseInPlace(h: Matrix, compute: Pick<Compute, 'pool'>): Promise<void> {
  // Reversing the whole row-major array reverses rows and columns at once.
  h.data.reverse()
  await choleskyInPlace(h, compute)
  await invertLowerInPlace(h, compute)
  h.data.reverse()
}

/** Uᵀ of `upperFactorOfInverse`: row k holds what column k takes from each earlier column's error. */
export async function lowerFactorOfInverse(h: Matrix, compute: Pick<Compute, 'pool'>): Promise<Matrix> {
  return transposed(await upperFactorOfInverse(h, compute))
}
