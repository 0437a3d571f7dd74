import type { Compute } from './compute.ts'
import { createPool } from './kernels/pool.ts'
import { gemm } from './linalg/gemm.ts'

/** One thread. What every numeric function can run on without a backend. */
export const defaultCompute = (): Compute => createCompute()

/**
 * Compute over `threads` threads of this machine, this one among them. Results do not depend on how many. Close its pool at
 * the end.
 */
export const createCompute = ({ threads = 1, signal }: { threads?: number; signal?: AbortSignal } = {}): Compute => ({
  gemm,
  pool: createPool({ threads }),
  signal,
})
