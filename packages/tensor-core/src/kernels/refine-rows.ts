import { nearestLevel } from '../table-fit.ts'

/** Some rows of a solved matrix; all `[rows, d]` and `[rows, groups]` in the original order of columns. */
export interface RefineArgs {
  readonly width: number
  readonly groupCount: number
  /** Group of each column [d]. */
  readonly groupOf: Int32Array
  readonly largestCode: number
  /** Levels in steps of the scale, when they are not the codes less some zero. */
  readonly levels: readonly number[] | undefined
  /** H damped [d, d]; rows of dead inputs are zero. */
  readonly hessian: Float64Array
  readonly codes: Uint8Array
  readonly scales: Float64Array
  /** (W − Ŵ) H. */
  readonly gradient: Float64Array
  readonly sweeps: number
}

/**
 * Row kernel: coordinate descent on the codes. With all others fixed, the loss of one weight is a parabola, so the best level is
 * the one nearest to its minimum. A row is done when a sweep changes nothing.
 */
export function refineRows(args: RefineArgs, start: number, end: number): void {
  for (let row = start; row < end; row++)
    for (let sweep = 0; sweep < args.sweeps; sweep++) if (!sweepRow(args, row)) break
}

function sweepRow(args: RefineArgs, row: number): boolean {
  const { width, groupCount, groupOf, hessian, levels } = args
  const codes = args.codes.subarray(row * width, (row + 1) * width)
  const gradient = args.gradient.subarray(row * width, (row + 1) * width)
  const scales = args.scales.subarray(row * groupCount, (row + 1) * groupCount)
  const leastStep = levels ? 0 : 0.5
  let changed = false
  for (let column = 0; column < width; column++) {
    const scale = scales[groupOf[column]!]!
    const steps = gradient[column]! / (hessian[column * (width + 1)]! * scale)
    // 0/0 is none, where an input is dead or a scale 0.
    if (!(Math.abs(steps) > leastStep && Math.abs(steps) < Number.POSITIVE_INFINITY)) continue
    const code = codes[column]!
    const better = levels ? nearestLevel(levels, levels[code]! + steps) : nearestCode(code + steps, args.largestCode)
    if (better === code) continue
    codes[column] = better
    changed = true
    const moved = levels ? levels[better]! - levels[code]! : better - code
    takeFrom(gradient, scale * moved, hessian.subarray(column * width, (column + 1) * width))
  }
  return changed
}

const nearestCode = (value: number, largest: number): number => Math.max(0, Math.min(largest, Math.round(value)))

function takeFrom(gradient: Float64Array, factor: number, row: Float64Array): void {
  for (let i = 0; i < gradient.length; i++) gradient[i]! -= factor * row[i]!
}
