import type { QuantizeOptions } from '@sinter/tensor-core'
import { iq4Levels } from './blocks/iq4-levels.ts'

/** What a block encoding fixes of the grid that its codes are on: what a method must round to for the file to hold its own codes. */
export interface BlockGrid
  extends Pick<QuantizeOptions, 'bits' | 'symmetric' | 'symmetricRange' | 'supers' | 'levels'> {
  readonly groupSize: number
  readonly zero: 'integer' | 'min'
  readonly scaleDType: 'f16' | 'bf16' | 'f32' | 'e8m0'
}

const symmetric = (bits: number, groupSize: number) =>
  ({ bits, groupSize, symmetric: true, symmetricRange: 'signed', zero: 'integer', scaleDType: 'f16' }) as const
const withMin = (bits: number, groupSize: number) =>
  ({ bits, groupSize, symmetric: false, zero: 'min', scaleDType: 'f16' }) as const

/** What E2M1 has above 0; its −0 is no level of its own. */
const e2m1 = [0.5, 1, 1.5, 2, 3, 4, 6]

/** One line an encoding. */
export const blockGrids: Readonly<Record<string, BlockGrid>> = {
  Q4_0: symmetric(4, 32),
  Q4_1: withMin(4, 32),
  Q5_0: symmetric(5, 32),
  Q5_1: withMin(5, 32),
  Q8_0: symmetric(8, 32),
  MXFP4: { ...symmetric(4, 32), scaleDType: 'e8m0', levels: [...e2m1.toReversed().map(x => -x), 0, ...e2m1] },
  IQ4_NL: { ...symmetric(4, 32), levels: iq4Levels },
  Q2_K: { ...withMin(2, 16), supers: { size: 256, least: 0, most: 15, mostMin: 15 } },
  Q3_K: { ...symmetric(3, 16), supers: { size: 256, least: -32, most: 31 } },
  Q4_K: { ...withMin(4, 32), supers: { size: 256, least: 0, most: 63, mostMin: 63 } },
  Q5_K: { ...withMin(5, 32), supers: { size: 256, least: 0, most: 63, mostMin: 63 } },
  Q6_K: { ...symmetric(6, 16), supers: { size: 256, least: -128, most: 127 } },
}

const floatBits = { f16: 16, bf16: 16, f32: 32, e8m0: 8 } as const

/** Stored bits a weight: its code, and its share of scales and minimums. Q4_K: 4.5. */
export function blockGridBits({ bits, groupSize, symmetric, supers, scaleDType }: BlockGrid): number {
  const kinds = symmetric ? 1 : 2
  if (!supers) return bits + (kinds * floatBits[scaleDType]) / groupSize
  const scaleBits = Math.log2(supers.most - supers.least + 1)
  return bits + kinds * (scaleBits / groupSize + 16 / supers.size)
}
