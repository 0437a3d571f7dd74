import type { EncodeRows } from '../encodings.ts'
import { packFiveBits, packNibbles } from './block-32.ts'
import { type Blocks32, fastBlocks } from './blocks-32.ts'
import { weightedScale, weightedScaleMin } from './fit-plan.ts'
import type { Fitter } from './fitter.ts'
import { hasSimd } from './has-simd.ts'
import { encodeSuperBlocks } from './k-encode.ts'
import * as k from './k-quants.ts'
import { plainFitter } from './plain-fitter.ts'
import { simdFitter } from './simd-fitter.ts'
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

/**
 * @param fitter who does the work of encodings whose scales are searched
 * @param blocks encoders of those whose scale follows from the extremes
 */
export function createEncoders(fitter: () => Fitter, blocks: Blocks32): Encoders {
  const either = (block: WeightedBlock, plain: EncodeRows): EncodeRows => {
    const weighted = encodeWeighted(block, fitter)
    return (values, out, width, importance) => (importance ? weighted : plain)(values, out, width, importance)
  }
  return {
    Q4_0: either(weighted.Q4_0, blocks.Q4_0),
    Q4_1: either(weighted.Q4_1, blocks.Q4_1),
    Q5_0: either(weighted.Q5_0, blocks.Q5_0),
    Q5_1: either(weighted.Q5_1, blocks.Q5_1),
    Q8_0: blocks.Q8_0,
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

export const encoders: Encoders = createEncoders(() => (hasSimd() ? simdFitter : plainFitter), fastBlocks)
