import {
  type CodebookWeight,
  type ColumnSolution,
  codebookWeight,
  type FloatGridWeight,
  f32ToF16,
  floatGridWeight,
  type Grid,
  type PermutedWeight,
  packBits,
  packHighFirst,
  permutedWeight,
  type QuantizedColumns,
  type QuantizedWeight,
  solvedTwoLevel,
  type TwoLevelWeight,
} from '@sinter/tensor-core'
import { encodeE2M1 } from './float-rounding.ts'
import { toWeight } from './grid-arrays.ts'

export type SolvedWeight = QuantizedWeight | TwoLevelWeight | FloatGridWeight | CodebookWeight | PermutedWeight

/**
 * The Weight of a column solver's result. Groups that are not runs of neighbouring columns (act-order with groups fitted on
 * the way) need the order stored: the weight is then `permuted`.
 */
export function solvedWeight(solution: ColumnSolution, grid: Grid): SolvedWeight {
  const { rows, cols, quantized, hessian } = solution
  if (!quantized) throw new TypeError('columnSolve gave no codes; it was called without `quantize`')
  if (quantized.supers) return solvedTwoLevel(solution, grid.bits)
  if (quantized.levels)
    return (grid.scaleDType === 'e8m0' ? powersOfTwo : table)(rows, cols, quantized, quantized.levels)
  const { codes, scales, zeroPoints, mins, groupOf, groupSize } = quantized
  const zeros = Float32Array.from(mins ?? zeroPoints ?? [])
  const grids = { scales: Float32Array.from(scales), zeros }
  const neighbours = groupOf.every((group, column) => group === Math.floor(column / groupSize))
  if (neighbours) return toWeight([rows, cols], groupSize, codes, grids, grid)
  const { order } = hessian
  return permutedWeight(toWeight([rows, cols], groupSize, inOrder(codes, order), grids, grid), order)
}

/** MXFP4: levels of E2M1 under scales that are powers of two. */
function powersOfTwo(
  rows: number,
  cols: number,
  { codes, scales, groupSize, groupCount }: QuantizedColumns,
  levels: readonly number[],
): FloatGridWeight {
  const floats = encodeE2M1(Float32Array.from(levels))
  const exponents = Uint8Array.from(scales, scale => Math.log2(scale) + 127)
  return floatGridWeight({
    shape: [rows, cols],
    element: 'e2m1',
    block: [1, groupSize],
    codes: packBits(
      codes.map(code => floats[code]!),
      4,
    ),
    scales: { dtype: 'u8', shape: [rows, groupCount], data: exponents },
  })
}

/** A table of 16 levels under f16 scales, as IQ4_NL has it. */
function table(
  rows: number,
  cols: number,
  { codes, scales, groupSize }: QuantizedColumns,
  levels: readonly number[],
): CodebookWeight {
  return codebookWeight({
    shape: [rows, cols],
    bits: 4,
    levels: Float32Array.from(levels),
    blockSize: groupSize,
    packed: packHighFirst(codes, 4),
    scales: f32ToF16(Float32Array.from(scales)),
  })
}

/** Columns `order[0], order[1] …` of a `[rows, order.length]` matrix. */
function inOrder(codes: Uint8Array, order: Int32Array): Uint8Array {
  const width = order.length
  const out = new Uint8Array(codes.length)
  for (let row = 0; row < codes.length; row += width)
    for (let k = 0; k < width; k++) out[row + k] = codes[row + order[k]!]!
  return out
}
