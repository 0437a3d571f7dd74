/** ggml's super-blocks of 256 values with quantized scales ("K-quants"), written. */
import { weightedScale, weightedScaleMin } from './fit-plan.ts'
import type { SuperBlock } from './k-encode.ts'
import { packQ2, packQ3, packQ4, packQ5, packQ6 } from './k-pack.ts'
import { putScalesQ2, putScalesQ3, putScalesQ4, putScalesQ5, putScalesQ6 } from './k-scales.ts'

export const Q2_K: SuperBlock = {
  blockBytes: 84,
  plan: {
    kind: 'scale-min',
    weighing: 'magnitude',
    search: { length: 16, most: 3, from: -0.5, step: 0.1, trials: 15, absolute: true },
  },
  weightedPlan: weightedScaleMin(16, 3),
  variance: 1,
  limits: { length: 16, least: 0, most: 3 },
  putScales: putScalesQ2,
  pack: packQ2,
}

export const Q3_K: SuperBlock = {
  blockBytes: 110,
  plan: { kind: 'descend' },
  weightedPlan: weightedScale(16, 4),
  variance: 2,
  limits: { length: 16, least: -4, most: 3 },
  putScales: putScalesQ3,
  pack: packQ3,
}

export const Q4_K: SuperBlock = {
  blockBytes: 144,
  plan: {
    kind: 'scale-min',
    weighing: 'spread',
    search: { length: 32, most: 15, from: -1, step: 0.1, trials: 20, absolute: false },
  },
  weightedPlan: weightedScaleMin(32, 15),
  variance: 2,
  limits: { length: 32, least: 0, most: 15 },
  putScales: putScalesQ4,
  pack: packQ4,
}

export const Q5_K: SuperBlock = {
  blockBytes: 176,
  plan: {
    kind: 'scale-min',
    weighing: 'spread',
    search: { length: 32, most: 31, from: -0.5, step: 0.1, trials: 15, absolute: false },
  },
  weightedPlan: weightedScaleMin(32, 31),
  variance: 2,
  limits: { length: 32, least: 0, most: 31 },
  putScales: putScalesQ5,
  pack: packQ5,
}

export const Q6_K: SuperBlock = {
  blockBytes: 210,
  plan: { kind: 'scale', weighing: 'square', length: 16, most: 32 },
  weightedPlan: { kind: 'scale', weighing: 'importance', length: 16, most: 32 },
  limits: { length: 16, least: -32, most: 31 },
  putScales: putScalesQ6,
  pack: packQ6,
}
