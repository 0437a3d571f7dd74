import { inverseOf, spread, type WeightRows } from './column-layout.ts'
import { type ColumnSolution, collect, type State } from './column-solution.ts'
import { type ColumnSolveOptions, planSolve, type SolvePlan } from './column-solve-options.ts'
import type { Compute } from './compute.ts'
import { type HessianOptions, type PreparedHessian, prepareHessian } from './hessian.ts'
import type { BlockArgs, SuperArgs } from './kernels/column-args.ts'
import { kernelRef, type Pool } from './kernels/pool.ts'
import { borrow, isShared, type Loan } from './kernels/shared-memory.ts'
import { accumulate, viewOf } from './linalg/gemm.ts'
import { matrix } from './linalg/matrix.ts'
import { kthSmallest, maskSmallest } from './select.ts'
import type { SuperScales } from './super-scales.ts'

export type { ColumnSolution } from './column-solution.ts'

const solveBlock = kernelRef(import.meta.url, './kernels/column-block', 'solveBlock')
const fitStaticGroups = kernelRef(import.meta.url, './kernels/column-groups', 'fitStaticGroups')

/**
 * Replaces a matrix column by column and pushes each column's error onto those not yet done, by the inverse of
 * H = Σ x xᵀ: the one core of GPTQ (2210.17323), SparseGPT (2301.00774) and their kin.
 *
 * Memory beside H's factor: two f64 copies of the matrix and what one block needs.
 * @param hessian Σ x xᵀ [d, d] in any scale, or what `prepareHessian` made of it (once for all matrices of an input)
 * @throws RangeError when sizes disagree, an option is out of range, or a weight is not finite
 */
export async function columnSolve(
  weight: WeightRows | readonly WeightRows[],
  hessian: Float64Array | PreparedHessian,
  options: ColumnSolveOptions & HessianOptions,
  compute: Compute,
): Promise<ColumnSolution> {
  const parts: readonly WeightRows[] = 'shape' in weight ? [weight] : weight
  const { rows, width } = sizeOfRows(parts)
  const plan = planSolve(options, width)
  if (plan.sparse && 'of' in plan.sparse && (options.actOrder || options.order))
    throw new TypeError('columnSolve: an n:m pattern needs the original order of columns; leave actOrder and order out')
  const prepared = hessian instanceof Float64Array ? await prepareHessian(hessian, width, options, compute) : hessian
  if (prepared.width !== width)
    throw new RangeError(`columnSolve: weight has ${width} inputs, Hessian ${prepared.width}`)
  const loan = borrow(compute.pool)
  try {
    const state = createState(parts, rows, prepared, plan, loan, compute.pool)
    await solve(state, plan, inverseOf(prepared.order), compute)
    return collect(state, prepared, compute.pool.threads === 1)
  } finally {
    loan.end()
  }
}

async function solve(state: State, plan: SolvePlan, positionOf: Int32Array, { pool, signal }: Compute): Promise<void> {
  const { rows, width } = state
  if (plan.grid && plan.groups === 'static') await pool.rows(fitStaticGroups, rows, { ...state, positionOf })
  for (let b = 0; b + 1 < plan.edges.length; b++) {
    signal?.throwIfAborted()
    const start = plan.edges[b]!
    const end = plan.edges[b + 1]!
    await bringUpToDate(state, start, neededColumns(plan, start, end, width), pool)
    if (plan.sparse && 'sparsity' in plan.sparse) maskBlock(state, start, end, plan.sparse)
    await pool.rows(solveBlock, rows, blockArgs(state, start, end))
  }
}

function sizeOfRows(parts: readonly WeightRows[]): { rows: number; width: number } {
  const width = parts[0]?.shape[1] ?? 0
  let rows = 0
  for (const { shape, data } of parts) {
    if (shape.length !== 2 || shape[1] !== width || data.length !== shape[0]! * width || data.length === 0)
      throw new RangeError(`columnSolve: expected matrices [out, ${width}], got [${shape}] with ${data.length} numbers`)
    rows += shape[0]!
  }
  if (rows === 0) throw new RangeError('columnSolve: no rows')
  return { rows, width }
}

function createState(
  parts: readonly WeightRows[],
  rows: number,
  { width, order, lower, dead }: PreparedHessian,
  plan: SolvePlan,
  { floats, bytes }: Loan,
  pool: Pool,
): State {
  const groupCount = plan.grid ? Math.ceil(width / plan.groupSize) : 0
  const weights = floats(width * rows)
  spread(parts, order, dead, weights, rows)
  return {
    rows,
    width,
    weights,
    lower: pool.threads === 1 || isShared(lower) ? lower : copyInto(floats(lower.length), lower),
    errors: floats(width * rows),
    loss: floats(rows),
    grid: plan.grid,
    groups: plan.groups,
    weighted: plan.weighted,
    groupSize: plan.groupSize,
    unit: plan.unit,
    supers: plan.supers && superArgs(plan.supers, groupCount * rows, (width / plan.unit) * rows, floats, bytes),
    groupOf: groupsOf(order, plan),
    scales: floats(groupCount * rows),
    zeros: floats(groupCount * rows),
    codes: bytes(plan.grid ? width * rows : 0),
    mask: bytes(plan.sparse ? width * rows : 0),
    pattern: plan.sparse && 'of' in plan.sparse ? plan.sparse : undefined,
    applied: new Int32Array(width),
    groupCount,
  }
}

function superArgs(
  spec: SuperScales,
  groups: number,
  superBlocks: number,
  floats: Loan['floats'],
  bytes: Loan['bytes'],
): SuperArgs {
  return {
    spec,
    scaleCodes: bytes(groups),
    minCodes: bytes(groups),
    scales: floats(superBlocks),
    mins: floats(superBlocks),
  }
}

/**
 * The group of each position: by column where they are fitted beforehand or the order keeps them together, else by position.
 * @throws TypeError for an order that tears super-blocks apart, whose scales would then have no place
 */
function groupsOf(order: Int32Array, { groups, groupSize, unit, supers }: SolvePlan): Int32Array {
  const together =
    order.length % unit === 0 && order.every((column, i) => sameRun(column, order[i - (i % unit)]!, unit))
  if (supers && groups !== 'static' && !together)
    throw new TypeError(
      `columnSolve: groups under one scale of scales must stay together; give the Hessian together: ${unit}, or use groups: static`,
    )
  const byColumn = groups === 'static' || together
  return Int32Array.from(order, (column, i) => Math.floor((byColumn ? column : i) / groupSize))
}

const sameRun = (a: number, b: number, size: number): boolean => Math.floor(a / size) === Math.floor(b / size)

/** A group that starts with the block may reach beyond it: its fit wants all its columns up to date. */
function neededColumns({ grid, groups, unit }: SolvePlan, start: number, end: number, width: number): number {
  return grid && groups === 'live' && start % unit === 0 ? Math.min(width, Math.max(end, start + unit)) : end
}

function copyInto(to: Float64Array, from: Float64Array): Float64Array {
  to.set(from)
  return to
}

/** W[:, start:end] −= E[:, :start] U[:start, start:end], for what has not been taken in before. One product. */
async function bringUpToDate(state: State, start: number, end: number, pool: Pool): Promise<void> {
  const { applied, rows, width, lower, errors, weights } = state
  for (let from = start; from < end; ) {
    const done = applied[from]!
    let to = from + 1
    while (to < end && applied[to] === done) to++
    if (done < start) {
      const columns = viewOf(matrix(width, rows, weights), from, to)
      const factors = viewOf(matrix(width, width, lower), from, to, done, start)
      await accumulate(columns, factors, viewOf(matrix(width, rows, errors), done, start), pool, { sign: -1 })
      applied.fill(start, from, to)
    }
    from = to
  }
}

/** SparseGPT's choice: over all rows of the block, the weights whose removal costs least, w²/U_jj². */
function maskBlock(
  { rows, width, weights, lower, mask }: State,
  start: number,
  end: number,
  { sparsity, compatible }: { sparsity: number; compatible?: boolean },
): void {
  const scores = new Float64Array((end - start) * rows)
  for (let i = start, at = 0; i < end; i++)
    for (let r = 0; r < rows; r++) scores[at++] = (weights[i * rows + r]! / lower[i * (width + 1)]!) ** 2
  const count = Math.floor(sparsity * scores.length)
  const chosen = mask.subarray(start * rows, end * rows)
  if (!compatible) {
    maskSmallest(scores, count, chosen)
    return
  }
  const threshold = kthSmallest(scores, count)
  for (let i = 0; i < scores.length; i++) chosen[i] = scores[i]! <= threshold ? 1 : 0
}

/** Only what the kernel reads crosses threads; the solver's own bookkeeping stays. */
const blockArgs = ({ applied: _, groupCount: __, ...shared }: State, start: number, end: number): BlockArgs => ({
  ...shared,
  start,
  end,
})
