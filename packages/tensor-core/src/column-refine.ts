import type { WeightRows } from './column-layout.ts'
import { type ColumnSolution, levelAt, withLevels } from './column-solution.ts'
import type { Compute } from './compute.ts'
import { kernelRef } from './kernels/pool.ts'
import type { RefineArgs } from './kernels/refine-rows.ts'
import { borrow } from './kernels/shared-memory.ts'
import { accumulate, viewOf } from './linalg/gemm.ts'
import { matrix } from './linalg/matrix.ts'

const refineRows = kernelRef(import.meta.url, './kernels/refine-rows', 'refineRows')

export interface RefineOptions {
  readonly bits: number
  /** At most so many passes over the columns; most of the gain is in the first two. */
  readonly sweeps: number
}

/** Rows at a time: their errors and gradients are two f64 matrices. */
const chunk = 512

/**
 * Lowers tr(ΔW H ΔWᵀ) of a solution by coordinate descent over its codes, the grids as they are (QuantEase, arXiv:2309.01885
 * §3): the solver never comes back to a column, and later columns move what is best for earlier ones. No row gets worse.
 * @throws TypeError for a solution without codes
 */
export async function refineColumns(
  weight: WeightRows,
  solution: ColumnSolution,
  { bits, sweeps }: RefineOptions,
  { pool, signal }: Pick<Compute, 'pool' | 'signal'>,
): Promise<ColumnSolution> {
  const { rows, cols: width, quantized, hessian } = solution
  if (!quantized) throw new TypeError('refineColumns: expected a solution made with `quantize`')
  const loan = borrow(pool)
  const codes = Uint8Array.from(quantized.codes)
  const loss = new Float64Array(rows)
  try {
    const damped = dampedHessian(solution, loan.floats(width * width))
    const share = Math.min(chunk, rows)
    const [errors, gradient] = [loan.floats(share * width), loan.floats(share * width)]
    const some = loan.bytes(share * width)
    const scales = loan.floats(share * quantized.groupCount)
    for (let start = 0; start < rows; start += share) {
      signal?.throwIfAborted()
      const count = Math.min(share, rows - start)
      some.set(codes.subarray(start * width, (start + count) * width))
      scales.set(quantized.scales.subarray(start * quantized.groupCount, (start + count) * quantized.groupCount))
      errorsOf(weight, solution, some, start, count, errors)
      gradient.fill(0)
      const view = (data: Float64Array, n: number) => viewOf(matrix(n, width, data.subarray(0, n * width)))
      await accumulate(view(gradient, count), view(errors, count), view(damped, width), pool)
      const { groupCount, groupOf } = quantized
      const args: RefineArgs = {
        width,
        groupCount,
        groupOf,
        largestCode: 2 ** bits - 1,
        levels: quantized.levels,
        hessian: damped,
        codes: some,
        scales,
        gradient,
        sweeps,
      }
      await pool.rows(refineRows, count, args)
      codes.set(some.subarray(0, count * width), start * width)
      errorsOf(weight, solution, some, start, count, errors)
      for (let r = 0; r < count; r++) loss[start + r] = dot(errors, gradient, r * width, (r + 1) * width)
    }
    return withLevels({ rows, cols: width, loss, hessian, quantized: { ...quantized, codes } })
  } finally {
    loan.end()
  }
}

/** With the damping of the solve on the diagonal; inputs that were always zero have no row, so that nothing moves for them. */
function dampedHessian({ cols, hessian }: ColumnSolution, to: Float64Array): Float64Array {
  const from = hessian.gram
  to.set(from)
  const live = Array.from(hessian.dead.keys()).filter(i => !hessian.dead[i])
  const mean = live.reduce((sum, i) => sum + from[i * (cols + 1)]!, 0) / live.length
  for (const i of live) to[i * (cols + 1)]! += hessian.damping * mean
  return to
}

/** W − Ŵ of some rows, dead columns as the solver has them: with weights of 0. */
function errorsOf(
  weight: WeightRows,
  { cols, hessian, quantized }: ColumnSolution,
  codes: Uint8Array,
  start: number,
  count: number,
  to: Float64Array,
): void {
  for (let r = 0, at = 0; r < count; r++)
    for (let c = 0; c < cols; c++, at++) {
      const level = levelAt(quantized!, start + r, c, codes[at]!)
      to[at] = (hessian.dead[c] ? 0 : weight.data[(start + r) * cols + c]!) - level
    }
}

function dot(a: Float64Array, b: Float64Array, start: number, end: number): number {
  let sum = 0
  for (let i = start; i < end; i++) sum += a[i]! * b[i]!
  return sum
}
