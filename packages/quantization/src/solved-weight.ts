import {
  type ColumnSolution,
  type Grid,
  type PermutedWeight,
  permutedWeight,
  type QuantizedWeight,
  solvedTwoLevel,
  type TwoLevelWeight,
} from '@sinter/tensor-core'
import { toWeight } from './grid-arrays.ts'

/**
 * The Weight of a column solver's result. Groups that are not runs of neighbouring columns (act-order with groups fitted on
 * the way) need the order stored: the weight is then `permuted`.
 */
export function solvedWeight(solution: ColumnSolution, grid: Grid): QuantizedWeight | TwoLevelWeight | PermutedWeight {
  const { rows, cols, quantized, hessian } = solution
  if (!quantized) throw new TypeError('columnSolve gave no codes; it was called without `quantize`')
  if (quantized.supers) return solvedTwoLevel(solution, grid.bits)
  const { codes, scales, zeroPoints, mins, groupOf, groupSize } = quantized
  const zeros = Float32Array.from(mins ?? zeroPoints ?? [])
  const grids = { scales: Float32Array.from(scales), zeros }
  const neighbours = groupOf.every((group, column) => group === Math.floor(column / groupSize))
  if (neighbours) return toWeight([rows, cols], groupSize, codes, grids, grid)
  const { order } = hessian
  return permutedWeight(toWeight([rows, cols], groupSize, inOrder(codes, order), grids, grid), order)
}

/** Columns `order[0], order[1] …` of a `[rows, order.length]` matrix. */
function inOrder(codes: Uint8Array, order: Int32Array): Uint8Array {
  const width = order.length
  const out = new Uint8Array(codes.length)
  for (let row = 0; row < codes.length; row += width)
    for (let k = 0; k < width; k++) out[row + k] = codes[row + order[k]!]!
  return out
}
