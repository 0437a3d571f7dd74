import { type Objective, tokenCrossEntropy, weightedSum } from '@sinter/model'
import { add, constant, mul } from '@sinter/tensor-core'
import { z } from 'zod'
import {
  forwardKl,
  jensenShannon,
  reverseKl,
  skewKl,
  skewReverseKl,
  type TokenLoss,
  totalVariation,
} from './token-losses.ts'

export type Divergence = 'forward-kl' | 'reverse-kl' | 'jsd' | 'skew-kl' | 'skew-reverse-kl' | 'tvd'

export interface SoftLabelOptions {
  readonly divergence: Divergence
  /** Both sides' logits are divided by it; for the two KL only. */
  readonly temperature: number
  /** Share of the soft part; the rest is the cross-entropy of the data. */
  readonly alpha: number
  /** Of `jsd`. */
  readonly beta: number
  /** Of the skew divergences. */
  readonly skew: number
}

export const softLabelSchema: z.ZodType<SoftLabelOptions> = z.strictObject({
  divergence: z
    .enum(['forward-kl', 'reverse-kl', 'jsd', 'skew-kl', 'skew-reverse-kl', 'tvd'])
    .default('forward-kl')
    .describe('How far the student is from the teacher.'),
  temperature: z.number().positive().max(100).default(1).describe('Divides the logits of both; for the two KL.'),
  alpha: z.number().min(0).max(1).default(0.5).describe('Share of the soft part; the rest is cross-entropy.'),
  beta: z.number().min(0).max(1).default(0.5).describe('Of jsd: 0 is forward KL, 1 reverse KL.'),
  skew: z.number().gt(0).lt(1).default(0.1).describe('Of the skew divergences.'),
})

export const softLabelDefaults: SoftLabelOptions = softLabelSchema.parse({})

const losses: Readonly<Record<Divergence, (options: SoftLabelOptions) => TokenLoss>> = {
  'forward-kl': ({ temperature }) => forwardKl(temperature),
  'reverse-kl': ({ temperature }) => reverseKl(temperature),
  jsd: ({ beta }) => jensenShannon(beta),
  'skew-kl': ({ skew }) => skewKl(skew),
  'skew-reverse-kl': ({ skew }) => skewReverseKl(skew),
  tvd: () => totalVariation,
}

/** (1−α) · cross-entropy + α · divergence from the teacher (1503.02531 §2; the names of the terms are those of the report). */
export function softLabels(options: Partial<SoftLabelOptions> = {}): Objective {
  const all = { ...softLabelDefaults, ...options }
  const { alpha } = all
  const soft = losses[all.divergence](all)
  return {
    key: `softLabels ${JSON.stringify(all)}`,
    wantsTeacher: true,
    terms({ logits, labels, weights, teacher }) {
      if (!teacher) throw new TypeError('soft labels: a teacher is needed')
      const crossEntropy = weightedSum(tokenCrossEntropy(logits, labels), weights)
      const divergence = weightedSum(soft(teacher, logits), weights)
      const share = (x: typeof divergence, by: number) => mul(x, constant(by))
      return { loss: add(share(crossEntropy, 1 - alpha), share(divergence, alpha)), crossEntropy, divergence }
    },
  }
}
