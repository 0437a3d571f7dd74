import type { TensorF32 } from '@sinter/tensor-core'

/**
 * How far the rows of a matrix are from an orthonormal set: ‖M Mᵀ − I‖ (Frobenius), and `factor` times its gradient added to
 * `gradient`. A matrix whose columns count is read as its transpose.
 * @param matrix f32 `[rank, n]`, or `[n, rank]` with `columns`
 */
export function orthogonality(
  { shape, data }: TensorF32,
  { columns = false, factor }: { readonly columns?: boolean; readonly factor: number },
  gradient: Float32Array,
): number {
  const [rank, n] = (columns ? shape.toReversed() : shape) as readonly [number, number]
  // Value i of row r is at r · across + i · along.
  const [across, along] = columns ? [1, rank] : [n, 1]
  const excess = new Float64Array(rank * rank)
  for (let r = 0; r < rank; r++)
    for (let s = 0; s <= r; s++) {
      let sum = r === s ? -1 : 0
      for (let i = 0; i < n; i++) sum += data[r * across + i * along]! * data[s * across + i * along]!
      excess[r * rank + s] = sum
      excess[s * rank + r] = sum
    }
  const norm = Math.sqrt(excess.reduce((sum, x) => sum + x * x, 0))
  // At zero the norm has no gradient; nothing pulls there.
  if (norm === 0) return 0
  for (let r = 0; r < rank; r++)
    for (let i = 0; i < n; i++) {
      let sum = 0
      for (let s = 0; s < rank; s++) sum += excess[r * rank + s]! * data[s * across + i * along]!
      gradient[r * across + i * along]! += (factor * 2 * sum) / norm
    }
  return norm
}
