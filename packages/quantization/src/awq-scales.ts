import { type Compute, type Grid, matrix, type TensorF32 } from '@sinter/tensor-core'
import { fitRun, roundToLevels } from './fake-quantize.ts'

/** Ratios 0, 1/20 … 19/20: 0 leaves the weights alone, so the best is never worse than plain rounding. */
export const awqRatios = (count = 20): readonly number[] => Array.from({ length: count }, (_, i) => i / count)

/**
 * Scales of one ratio, `mean|x|^ratio` centred so that the largest and the smallest are reciprocals (arXiv:2306.00978 §3.2).
 * @param meanAbs mean |x| of every input channel
 */
export function awqScales(meanAbs: Float64Array, ratio: number): Float64Array {
  const scales = meanAbs.map(mean => Math.max(mean ** ratio, 1e-4))
  let least = Number.POSITIVE_INFINITY
  let most = 0
  for (const scale of scales) {
    if (scale < least) least = scale
    if (scale > most) most = scale
  }
  const centre = Math.sqrt(most * least)
  return scales.map(scale => scale / centre)
}

/** What the model would compute with after scaling, rounding and scaling back: `round(W·s)/s`, f32 `[out, in]`. */
export function roundedAtScale(weight: TensorF32, scales: Float64Array, groupSize: number, grid: Grid): TensorF32 {
  const cols = scales.length
  const out = new Float32Array(weight.data.length)
  const runs = groupRuns(cols, groupSize)
  for (let row = 0; row < out.length; row += cols)
    for (const { from, run } of runs) {
      for (let k = 0; k < run.length; k++) run[k] = weight.data[row + from + k]! * scales[from + k]!
      roundToLevels(run, fitRun(run, grid), grid)
      for (let k = 0; k < run.length; k++) out[row + from + k] = run[k]! / scales[from + k]!
    }
  return { ...weight, data: out }
}

/** A buffer for each group of a row. */
function groupRuns(cols: number, groupSize: number): { readonly from: number; readonly run: Float64Array }[] {
  const count = Math.ceil(cols / groupSize)
  return Array.from({ length: count }, (_, g) => {
    const from = g * groupSize
    return { from, run: new Float64Array(Math.min(groupSize, cols - from)) }
  })
}

/** `Σ_layers tr(ΔW G ΔWᵀ)`: the summed squared error of the linears' outputs over all calibration tokens. */
export async function gramLoss(
  pairs: Iterable<readonly [before: TensorF32, after: TensorF32]>,
  gram: Float64Array,
  { gemm }: Pick<Compute, 'gemm'>,
): Promise<number> {
  let total = 0
  for (const [before, after] of pairs) {
    const [rows, cols] = before.shape as [number, number]
    const delta = matrix(rows, cols)
    for (let k = 0; k < delta.data.length; k++) delta.data[k] = after.data[k]! - before.data[k]!
    const product = await gemm(delta, { rows: cols, cols, data: gram })
    for (let k = 0; k < delta.data.length; k++) total += delta.data[k]! * product.data[k]!
  }
  return total
}

/** Mean squared difference of two outputs. */
export function meanSquaredError(a: TensorF32, b: TensorF32): number {
  let sum = 0
  for (let k = 0; k < a.data.length; k++) sum += (a.data[k]! - b.data[k]!) ** 2
  return sum / a.data.length
}
