import { codeOf, fitGrid, type Grid, levelOf } from '@sinter/tensor-core'

export interface ClipArgs {
  readonly cols: number
  readonly groupSize: number
  readonly grid: Grid
  /** `[rows, cols]` */
  readonly weight: Float32Array
  /** Diagonal blocks of the Gram matrix, one after another. */
  readonly blocks: Float64Array
  /** `[rows, groups]`, written. */
  readonly limits: Float64Array
  /** `[rows, groups]`, written. */
  readonly steps: Uint8Array
}

/** llm-awq: grid of 20, at most half is cut off. */
const tried = 10
const grain = 20

/** Row kernel. */
export function clipRows(args: ClipArgs, start: number, end: number): void {
  const { cols, groupSize } = args
  const groups = Math.ceil(cols / groupSize)
  for (let row = start; row < end; row++) for (let g = 0; g < groups; g++) clipGroup(args, row, g, row * groups + g)
}

function clipGroup(
  { cols, groupSize, grid, weight, blocks, limits, steps }: ClipArgs,
  row: number,
  g: number,
  at: number,
): void {
  const from = row * cols + g * groupSize
  const count = Math.min(groupSize, cols - g * groupSize)
  const block = blocks.subarray(g * groupSize * groupSize, g * groupSize * groupSize + count * count)
  const group = weight.subarray(from, from + count)
  let absmax = 0
  for (const value of group) absmax = Math.max(absmax, Math.abs(value))
  const run = new Float64Array(count)
  let least = Number.POSITIVE_INFINITY
  for (let step = 0; step < tried; step++) {
    const limit = absmax * (1 - step / grain)
    const loss = clippedLoss(group, limit, grid, block, run)
    if (loss < least) {
      least = loss
      limits[at] = limit
      steps[at] = step
    }
  }
}

/** `Δ B Δᵀ` of the group, clipped and rounded. */
function clippedLoss(group: Float32Array, limit: number, grid: Grid, block: Float64Array, run: Float64Array): number {
  const count = group.length
  for (let k = 0; k < count; k++) run[k] = Math.max(-limit, Math.min(limit, group[k]!))
  const fitted = fitGrid(run, grid)
  for (let k = 0; k < count; k++) run[k] = levelOf(codeOf(run[k]!, fitted, grid), fitted, grid) - group[k]!
  return quadratic(block, run)
}

/** xᵀ B x of a symmetric B: the lower triangle counts twice. */
function quadratic(b: Float64Array, x: Float64Array): number {
  const n = x.length
  let total = 0
  for (let i = 0; i < n; i++) {
    const row = i * n
    let sum = 0
    for (let j = 0; j < i; j++) sum += b[row + j]! * x[j]!
    total += x[i]! * (2 * sum + b[row + i]! * x[i]!)
  }
  return total
}
