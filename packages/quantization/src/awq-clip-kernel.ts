import type { Grid } from '@sinter/tensor-core'
import { fitRun, roundToLevels } from './fake-quantize.ts'

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

/** Room for one group: its run of weights, the errors of all steps side by side `[count, tried]`, and their losses. */
interface Room {
  readonly run: Float64Array
  readonly errors: Float64Array
  readonly losses: Float64Array
}

/** Row kernel. */
export function clipRows(args: ClipArgs, start: number, end: number): void {
  const { cols, groupSize } = args
  const groups = Math.ceil(cols / groupSize)
  for (let g = 0; g < groups; g++) {
    const count = Math.min(groupSize, cols - g * groupSize)
    const room = {
      run: new Float64Array(count),
      errors: new Float64Array(count * tried),
      losses: new Float64Array(tried),
    }
    for (let row = start; row < end; row++) clipGroup(args, row, g, row * groups + g, room)
  }
}

function clipGroup(args: ClipArgs, row: number, g: number, at: number, room: Room): void {
  const { cols, groupSize, grid, weight, blocks, limits, steps } = args
  const count = room.run.length
  const from = row * cols + g * groupSize
  let absmax = 0
  for (let k = from; k < from + count; k++) absmax = Math.max(absmax, Math.abs(weight[k]!))
  for (let step = 0; step < tried; step++) clippedErrors(weight, from, absmax * (1 - step / grain), grid, step, room)
  quadratics(blocks, g * groupSize * groupSize, room)
  let best = 0
  for (let step = 1; step < tried; step++) if (room.losses[step]! < room.losses[best]!) best = step
  limits[at] = absmax * (1 - best / grain)
  steps[at] = best
}

/** Errors of the group when it is clipped and rounded, into column `step`. */
function clippedErrors(
  weight: Float32Array,
  from: number,
  limit: number,
  grid: Grid,
  step: number,
  { run, errors }: Room,
): void {
  for (let k = 0; k < run.length; k++) run[k] = Math.max(-limit, Math.min(limit, weight[from + k]!))
  roundToLevels(run, fitRun(run, grid), grid)
  for (let k = 0; k < run.length; k++) errors[k * tried + step] = run[k]! - weight[from + k]!
}

/**
 * xᵀ B x of every step's errors; B is symmetric, so its lower triangle counts twice. The ten sums are independent and stay in
 * registers: one after another each addition would wait for the one before (three times slower).
 */
function quadratics(b: Float64Array, first: number, { run, errors, losses }: Room): void {
  const n = run.length
  losses.fill(0)
  for (let i = 0; i < n; i++) {
    const row = first + i * n
    let s0 = 0
    let s1 = 0
    let s2 = 0
    let s3 = 0
    let s4 = 0
    let s5 = 0
    let s6 = 0
    let s7 = 0
    let s8 = 0
    let s9 = 0
    for (let j = 0, x = 0; j <= i; j++, x += tried) {
      const u = j < i ? 2 * b[row + j]! : b[row + j]!
      s0 += u * errors[x]!
      s1 += u * errors[x + 1]!
      s2 += u * errors[x + 2]!
      s3 += u * errors[x + 3]!
      s4 += u * errors[x + 4]!
      s5 += u * errors[x + 5]!
      s6 += u * errors[x + 6]!
      s7 += u * errors[x + 7]!
      s8 += u * errors[x + 8]!
      s9 += u * errors[x + 9]!
    }
    const x = i * tried
    losses[0]! += s0 * errors[x]!
    losses[1]! += s1 * errors[x + 1]!
    losses[2]! += s2 * errors[x + 2]!
    losses[3]! += s3 * errors[x + 3]!
    losses[4]! += s4 * errors[x + 4]!
    losses[5]! += s5 * errors[x + 5]!
    losses[6]! += s6 * errors[x + 6]!
    losses[7]! += s7 * errors[x + 7]!
    losses[8]! += s8 * errors[x + 8]!
    losses[9]! += s9 * errors[x + 9]!
  }
}
