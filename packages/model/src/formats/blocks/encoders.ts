import type { EncodeRows } from '../encodings.ts'
import {
  type EncodeBlock,
  encodeQ4_0,
  encodeQ4_1,
  encodeQ5_0,
  encodeQ5_1,
  encodeQ8_0,
  packFiveBits,
  packNibbles,
} from './block-32.ts'
import { weightedScale, weightedScaleMin } from './fit-plan.ts'
import type { Fitter } from './fitter.ts'
import { encodeSuperBlocks } from './k-encode.ts'
import * as k from './k-quants.ts'
import { plainFitter } from './plain-fitter.ts'
import { encodeWeighted, type WeightedBlock } from './weighted-rows.ts'

/** Encoders of whole rows, by the names of their encodings. */
export interface Encoders {
  readonly Q4_0: EncodeRows
  readonly Q4_1: EncodeRows
  readonly Q5_0: EncodeRows
  readonly Q5_1: EncodeRows
  readonly Q8_0: EncodeRows
  readonly Q2_K: EncodeRows
  readonly Q3_K: EncodeRows
  readonly Q4_K: EncodeRows
  readonly Q5_K: EncodeRows
  readonly Q6_K: EncodeRows
}

const eachBlock =
  (blockBytes: number, encode: EncodeBlock): EncodeRows =>
  (values, out) => {
    for (let b = 0; b < values.length / 32; b++) encode(values, 32 * b, out, b * blockBytes)
  }

/** @param fitter who does the work of encodings whose scales are searched */
export function createEncoders(fitter: () => Fitter): Encoders {
  const either = (block: WeightedBlock, encode: EncodeBlock): EncodeRows => {
    const [plain, weighted] = [eachBlock(block.blockBytes, encode), encodeWeighted(block, fitter)]
    return (values, out, width, importance) => (importance ? weighted : plain)(values, out, width, importance)
  }
  return {
    Q4_0: either(weighted.Q4_0, encodeQ4_0),
    Q4_1: either(weighted.Q4_1, encodeQ4_1),
    Q5_0: either(weighted.Q5_0, encodeQ5_0),
    Q5_1: either(weighted.Q5_1, encodeQ5_1),
    Q8_0: eachBlock(34, encodeQ8_0),
    Q2_K: encodeSuperBlocks(k.Q2_K, fitter),
    Q3_K: encodeSuperBlocks(k.Q3_K, fitter),
    Q4_K: encodeSuperBlocks(k.Q4_K, fitter),
    Q5_K: encodeSuperBlocks(k.Q5_K, fitter),
    Q6_K: encodeSuperBlocks(k.Q6_K, fitter),
  }
}

const weighted = {
  Q4_0: {
    blockBytes: 18,
    plan: weightedScale(32, 8),
    limits: { length: 32, least: -8, most: 7 },
    hasMin: false,
    pack: packNibbles,
  },
  Q4_1: {
    blockBytes: 20,
    plan: weightedScaleMin(32, 15),
    limits: { length: 32, least: 0, most: 15 },
    hasMin: true,
    pack: packNibbles,
  },
  Q5_0: {
    blockBytes: 22,
    plan: weightedScale(32, 16),
    limits: { length: 32, least: -16, most: 15 },
    hasMin: false,
    pack: packFiveBits,
  },
  Q5_1: {
    blockBytes: 24,
    plan: weightedScaleMin(32, 31),
    limits: { length: 32, least: 0, most: 31 },
    hasMin: true,
    pack: packFiveBits,
  },
} as const satisfies Record<string, WeightedBlock>

export const encoders: Encoders = createEncoders(() => plainFitter)
