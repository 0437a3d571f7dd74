import { sizeOf, type TensorF32 } from '@sinter/tensor-core'

/** Running averages of one tensor, of its shape: |w ∂L/∂w|, and how far that strays from its own average. */
export interface Importance {
  readonly sensitivity: TensorF32
  readonly uncertainty: TensorF32
}

export interface ImportanceRates {
  /** Share of the old average in the new: of the sensitivity. */
  readonly beta1: number
  /** Of the uncertainty. */
  readonly beta2: number
}

export function zeroImportance({ shape }: TensorF32): Importance {
  const zero = (): TensorF32 => ({ dtype: 'f32', shape, data: new Float32Array(sizeOf(shape)) })
  return { sensitivity: zero(), uncertainty: zero() }
}

/** Takes a step into the averages (AdaLoRA, 2303.10512 eq. 8 to 10). */
export function updateImportance(
  { sensitivity, uncertainty }: Importance,
  parameter: Float32Array,
  gradient: Float32Array,
  { beta1, beta2 }: ImportanceRates,
): void {
  const [mean, spread] = [sensitivity.data, uncertainty.data]
  for (let i = 0; i < parameter.length; i++) {
    const now = Math.abs(parameter[i]! * gradient[i]!)
    mean[i] = beta1 * mean[i]! + (1 - beta1) * now
    spread[i] = beta2 * spread[i]! + (1 - beta2) * Math.abs(now - mean[i]!)
  }
}

/**
 * The importance of each component: its singular value's score, and the mean scores of its row of A and column of B, a score
 * being sensitivity × uncertainty (eq. 7 and 11).
 * @param of A `[rank, in]`, E `[rank]`, B `[out, rank]`
 */
export function componentScores(of: {
  readonly a: Importance
  readonly e: Importance
  readonly b: Importance
}): Float64Array {
  const [rank, width] = of.a.sensitivity.shape as readonly [number, number]
  const out = of.b.sensitivity.shape[0]!
  return Float64Array.from({ length: rank }, (_, r) => {
    let [row, column] = [0, 0]
    for (let i = 0; i < width; i++) row += score(of.a, r * width + i)
    for (let o = 0; o < out; o++) column += score(of.b, o * rank + r)
    return score(of.e, r) + row / width + column / out
  })
}

const score = ({ sensitivity, uncertainty }: Importance, i: number): number =>
  sensitivity.data[i]! * uncertainty.data[i]!
