import type { Statistics } from '@sinter/model'
import { gemm, type TensorF32 } from '@sinter/tensor-core'

/** Rows that the estimate looks at: the whole product would cost as much as the solver. */
const ROWS = 32

/**
 * tr(ΔW G ΔWᵀ) / tr(W G Wᵀ) over evenly spaced rows of W `[out, in]`, G the calibration Gram: how much of the layer's output
 * the change moves. Without a Gram, ‖ΔW‖² / ‖W‖².
 */
export async function relativeError(original: TensorF32, changed: TensorF32, { gram }: Statistics): Promise<number> {
  const [out, width] = original.shape as [number, number]
  const count = gram ? Math.min(out, ROWS) : out
  const rows = Array.from({ length: count }, (_, i) => Math.floor((i * out) / count))
  const stacked = new Float64Array(2 * count * width)
  rows.forEach((row, i) => {
    for (let j = 0; j < width; j++) {
      const value = original.data[row * width + j]!
      stacked[i * width + j] = value - changed.data[row * width + j]!
      stacked[(count + i) * width + j] = value
    }
  })
  const matrix = { rows: 2 * count, cols: width, data: stacked }
  const product = gram ? await gemm(matrix, { rows: width, cols: width, data: gram }) : matrix
  const half = count * width
  const error = dot(stacked, product.data, 0, half)
  const total = dot(stacked, product.data, half, 2 * half)
  return total > 0 ? error / total : 0
}

function dot(a: Float64Array, b: Float64Array, start: number, end: number): number {
  let sum = 0
  for (let i = start; i < end; i++) sum += a[i]! * b[i]!
  return sum
}

/** Share of exact zeros. */
export function zeroShare({ data }: TensorF32): number {
  let zeros = 0
  for (let i = 0; i < data.length; i++) if (data[i] === 0) zeros++
  return zeros / data.length
}
