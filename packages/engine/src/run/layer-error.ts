import type { Statistics } from '@sinter/model'
import { BENCH_VALUES, gemm, groupBench, type TensorF32, type Weight } from '@sinter/tensor-core'

/** Rows that the estimate looks at: the whole product would cost as much as the solver. */
const ROWS = 32

export interface Change {
  /**
   * tr(ΔW G ΔWᵀ) / tr(W G Wᵀ) over evenly spaced rows of W `[out, in]`, G the calibration Gram: how much of the layer's output
   * the change moves. Without a Gram, ‖ΔW‖² / ‖W‖².
   */
  readonly error: number
  /** Share of exact zeros in the changed matrix. */
  readonly sparsity: number
}

/** What a method did to a matrix. */
export async function changeOf(original: TensorF32, changed: Weight, { gram }: Statistics): Promise<Change> {
  const sums = compare(original, changed)
  const [error, total] = gram ? await weighted(original, changed, gram) : [sums.error, sums.total]
  return { error: total > 0 ? error / total : 0, sparsity: sums.zeros / original.data.length }
}

interface Sums {
  readonly error: number
  readonly total: number
  readonly zeros: number
}

function compare(original: TensorF32, changed: Weight): Sums {
  const [rows, cols] = changed.shape
  const step = Math.max(1, Math.floor(BENCH_VALUES / cols))
  const memory = new Float32Array(Math.min(rows, step) * cols)
  const sums = { error: 0, total: 0, zeros: 0 }
  for (let start = 0; start < rows; start += step) {
    const end = Math.min(start + step, rows)
    const piece = memory.subarray(0, (end - start) * cols)
    changed.denseRows(start, end, piece)
    addSums(original.data.subarray(start * cols, end * cols), piece, sums)
  }
  return sums
}

function addSums(original: Float32Array, changed: Float32Array, sums: { -readonly [K in keyof Sums]: Sums[K] }): void {
  for (let at = 0; at < original.length; at += BENCH_VALUES) {
    const found = groupBench().compare(
      original.subarray(at, at + BENCH_VALUES),
      changed.subarray(at, at + BENCH_VALUES),
    )
    sums.error += found.error
    sums.total += found.total
    sums.zeros += found.zeros
  }
}

async function weighted(
  original: TensorF32,
  changed: Weight,
  gram: Float64Array,
): Promise<[error: number, total: number]> {
  const [out, width] = original.shape as [number, number]
  const count = Math.min(out, ROWS)
  const half = count * width
  const stacked = new Float64Array(2 * half)
  const levels = new Float32Array(width)
  for (let i = 0; i < count; i++) {
    const row = Math.floor((i * out) / count)
    changed.denseRows(row, row + 1, levels)
    for (let j = 0; j < width; j++) {
      const value = original.data[row * width + j]!
      stacked[i * width + j] = value - levels[j]!
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
