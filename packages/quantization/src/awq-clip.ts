import { type Compute, type Grid, kernelRef, type TensorF32 } from '@sinter/tensor-core'
import type { ClipArgs } from './awq-clip-kernel.ts'

const clipRows = kernelRef(import.meta.url, './awq-clip-kernel', 'clipRows')

export interface ClipResult {
  /** Largest |w| to keep, `[out, groups]`. */
  readonly limits: Float64Array
  /** Which of the ten steps that was, `[out, groups]`: limit = absmax · (1 − step/20). */
  readonly steps: Uint8Array
}

/**
 * AWQ's search for a clipping limit (arXiv:2306.00978, appendix; llm-awq's auto_clip): in each group of a row, ten limits
 * from the largest |w| down to 0.55 of it, judged by the group's share of the output, `Δw_g G_gg Δw_gᵀ`. The diagonal blocks
 * of the Gram matrix hold all that the calibration tokens say about that.
 * @param gram Σ x xᵀ, f64 `[in, in]`
 */
export async function awqClip(
  weight: TensorF32,
  gram: Float64Array,
  groupSize: number,
  grid: Grid,
  compute: Pick<Compute, 'pool'>,
): Promise<ClipResult> {
  const [rows, cols] = weight.shape as [number, number]
  const groups = Math.ceil(cols / groupSize)
  const shared = compute.pool.threads > 1
  const bytes = (count: number) => (shared ? new SharedArrayBuffer(count) : new ArrayBuffer(count))
  const limits = new Float64Array(bytes(rows * groups * 8))
  const steps = new Uint8Array(bytes(rows * groups))
  const args: ClipArgs = {
    cols,
    groupSize,
    grid,
    weight: weight.data,
    blocks: diagonalBlocks(gram, cols, groupSize),
    limits,
    steps,
  }
  await compute.pool.rows(clipRows, rows, args)
  return { limits, steps }
}

/** The `[groupSize, groupSize]` blocks of G on its diagonal, one after another; the last may be smaller. */
function diagonalBlocks(gram: Float64Array, cols: number, groupSize: number): Float64Array {
  const out = new Float64Array(cols * groupSize)
  for (let from = 0, at = 0; from < cols; from += groupSize) {
    const to = Math.min(from + groupSize, cols)
    for (let i = from; i < to; i++) for (let j = from; j < to; j++) out[at++] = gram[i * cols + j]!
  }
  return out
}

/** The matrix with every weight drawn in to its group's limit. */
export function clamped(weight: TensorF32, limits: Float64Array, groupSize: number): TensorF32 {
  const cols = weight.shape[1]!
  const groups = Math.ceil(cols / groupSize)
  const data = weight.data.map((value, k) => {
    const limit = limits[Math.floor(k / cols) * groups + Math.floor((k % cols) / groupSize)]!
    return Math.max(-limit, Math.min(limit, value))
  })
  return { ...weight, data }
}
