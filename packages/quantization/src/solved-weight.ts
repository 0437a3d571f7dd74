import {
  type ColumnSolution,
  f32ToF16,
  type Grid,
  type PermutedWeight,
  permutedWeight,
  type QuantizedColumns,
  type QuantizedWeight,
  type SuperColumns,
  type Tensor,
  type TwoLevelWeight,
  twoLevelWeight,
} from '@sinter/tensor-core'
import { toWeight } from './grid-arrays.ts'

/** The Weight of a column solver's result on a grid with two levels of scales. */
function superWeight({ rows, cols }: ColumnSolution, quantized: QuantizedColumns, supers: SuperColumns, grid: Grid): TwoLevelWeight {
  const { spec, scaleCodes, minCodes, scales, mins } = supers
  const f16 = (values: Float64Array): Tensor => ({
    dtype: 'f16',
    shape: [rows, cols / spec.size],
    data: f32ToF16(Float32Array.from(values)),
  })
  return twoLevelWeight({
    shape: [rows, cols],
    bits: grid.bits,
    groupSize: quantized.groupSize,
    superSize: spec.size,
    codes: quantized.codes,
    scaleBits: Math.ceil(Math.log2(spec.most - spec.least + 1)),
    scaleCodes,
    scaleZero: -spec.least,
    superScales: f16(scales),
    ...(minCodes && mins && { minCodes, superMins: f16(mins) }),
  })
}

/**
 * The Weight of a column solver's result. Groups that are not runs of neighbouring columns (act-order with groups fitted on
 * the way) need the order stored: the weight is then `permuted`.
 */
export function solvedWeight(
  solution: ColumnSolution,
  grid: Grid,
): QuantizedWeight | TwoLevelWeight | PermutedWeight {
  const { rows, cols, quantized, hessian } = solution
  if (!quantized) throw new TypeError('columnSolve gave no codes; it was called without `quantize`')
  if (quantized.supers) return superWeight(solution, quantized, quantized.supers, grid)
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
