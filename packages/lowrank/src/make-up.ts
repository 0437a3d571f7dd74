import { gemm, type Matrix, matrix, qr, type Rng, symmetricEigen } from '@sinter/tensor-core'

/** Directions beyond those wanted, which make the search for these converge, and its rounds. */
const BESIDES = 16
const ROUNDS = 6

/**
 * The product U V of at most `rank` columns and rows that is closest to E where inputs have the Gram matrix G: the least
 * ‖(E − U V) G^½‖. Its U are the first left singular vectors of E G^½, and V = Uᵀ E (LoftQ, 2310.08659 §3.1; weighed by the inputs
 * as in CLoQ, 2501.18475), found by subspace iteration (Halko et al., 0909.4061 §4.5).
 * @param error E `[out, in]`
 * @param gram G `[in, in]`; without it all inputs count alike
 * @returns U `[out, r]` of orthonormal columns and V `[r, in]`, r = min(rank, out, in)
 */
export async function closestProduct(
  error: Matrix,
  gram: Matrix | undefined,
  rank: number,
  rng: Rng,
): Promise<{ readonly u: Matrix; readonly v: Matrix }> {
  const most = Math.min(error.rows, error.cols)
  const kept = Math.min(rank, most)
  const wide = Math.min(kept + BESIDES, most)
  /** E G Eᵀ q, never made as a matrix. */
  const through = async (q: Matrix): Promise<Matrix> => {
    const inputs = await gemm(error, q, { transA: true })
    return gemm(error, gram ? await gemm(gram, inputs) : inputs)
  }
  const start = matrix(error.rows, wide)
  for (let i = 0; i < start.data.length; i++) start.data[i] = rng.uniform() - 0.5
  let { q } = qr(start)
  for (let round = 0; round < ROUNDS; round++) q = qr(await through(q)).q
  const { vectors } = symmetricEigen(await gemm(q, await through(q), { transA: true }))
  const u = await gemm(q, lastColumns(vectors, kept))
  return { u, v: await gemm(u, error, { transA: true }) }
}

/** Of the largest values, as they ascend. */
function lastColumns({ rows, cols, data }: Matrix, count: number): Matrix {
  const some = matrix(rows, count)
  for (let r = 0; r < rows; r++) some.data.set(data.subarray(r * cols + cols - count, (r + 1) * cols), r * count)
  return some
}
