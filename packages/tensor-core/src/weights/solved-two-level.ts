import type { ColumnSolution } from '../column-solution.ts'
import { f32ToF16 } from '../convert.ts'
import type { Tensor } from '../tensor.ts'
import { type TwoLevelWeight, twoLevelWeight } from './two-level.ts'

/** The Weight of a column solver's result on a grid with two levels of scales. @throws TypeError when it has one level */
export function solvedTwoLevel({ rows, cols, quantized }: ColumnSolution, bits: number): TwoLevelWeight {
  if (!quantized?.supers) throw new TypeError('solvedTwoLevel: expected a solution on a grid with `supers`')
  const { codes, groupSize, supers } = quantized
  const { spec, scaleCodes, minCodes, scales, mins } = supers
  const f16 = (values: Float64Array): Tensor => ({
    dtype: 'f16',
    shape: [rows, cols / spec.size],
    data: f32ToF16(Float32Array.from(values)),
  })
  return twoLevelWeight({
    shape: [rows, cols],
    bits,
    groupSize,
    superSize: spec.size,
    codes,
    scaleBits: Math.ceil(Math.log2(spec.most - spec.least + 1)),
    scaleCodes,
    scaleZero: -spec.least,
    superScales: f16(scales),
    ...(minCodes && mins && { minCodes, superMins: f16(mins) }),
  })
}
