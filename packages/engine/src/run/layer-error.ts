import type { Statistics } from '@sinter/model'
import { gemm, type TensorF32 } from '@sinter/tensor-core'

/** Rows that the estimate looks at: the whole product would cost as much as the solver. */
const ROWS = 32

/**
 * tr(ΔW G ΔWᵀ) / tr(W G Wᵀ) over evenly spaced rows of W `[out, in]`, G the calibration Gram: how much of the layer's output
 * the change moves. Without a Gram, ‖ΔW‖² / ‖W‖².
 */
export async function relativeError(original: TensorF32, changed: TensorF32, { gram }: Statistics): Promise<number> {
  const [error, total] = gram ? await weighted(original, changed, gram) : plain(original.data, changed.data)
  return total > 0 ? error / total : 0
}

function plain(original: Float32Array, changed: Float32Array): [error: number, total: number] {
  let error = 0
  let total = 0
  for (let i = 0; i < original.length; i++) {
    const value = original[i]!
    const change = value - changed[i]!
    error += change * change
    total += value * value
  }
  return [error, total]
}

async function weighted(
  original: TensorF32,
  changed: TensorF32,
  gram: Float64Array,
): Promise<[error: number, total: number]> {
  const [out, width] = original.shape as [number, number]
  const count = Math.min(out, ROWS)
  const half = count * width
  const stacked = new Float64Array(2 * half)
  for (let i = 0; i < count; i++) {
    const row = Math.floor((i * out) / count)
    for (let j = 0; j < width; j++) {
      const value = original.data[row * width + j]!
      stacked[i * width + j] = value - changed.data[row * width + j]!
      stacked[half + i * width + j] = value
    }
  }
  const product = await gemm({ rows: 2 * count, cols: width, data: stacked }, { rows: width, cols: width, data: gram })
  return [dot(stacked, product.data, 0, half), dot(stacked, product.data, half, 2 * half)]
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
