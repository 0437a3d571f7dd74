import type { Compute } from './compute.ts'
import { createPool } from './kernels/pool.ts'
import { gemm } from './linalg/gemm.ts'

/** One thread, plain TypeScript. What every numeric function can run on without a backend. */
export const defaultCompute = (): Compute => ({ gemm, pool: createPool({ threads: 1 }) })
