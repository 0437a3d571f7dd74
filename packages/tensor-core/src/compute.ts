import type { Pool } from './kernels/pool.ts'

/** A matrix of f64, row-major. */
export interface Matrix {
  readonly rows: number
  readonly cols: number
  readonly data: Float64Array
}

/** `C = op(A) op(B)`; op transposes when asked. The bulk of every O(n³) algorithm goes through here. */
export type Gemm = (a: Matrix, b: Matrix, options?: { transA?: boolean; transB?: boolean }) => Promise<Matrix>

/** What a numeric algorithm may use of the machine. Everything has a single-threaded default. */
export interface Compute {
  readonly gemm: Gemm
  readonly pool: Pool
  readonly signal?: AbortSignal | undefined
}
