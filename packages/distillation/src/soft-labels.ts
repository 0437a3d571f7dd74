import { type LossInputs, type Objective, type SlicedLoss, tokenCrossEntropy, weightedSum } from '@sinter/model'
import { add, constant, mul, type Node } from '@sinter/tensor-core'
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

/** What may be left out is also allowed to be undefined, as schemas have it. */
export type SoftLabelInput = { readonly [Key in keyof SoftLabelOptions]?: SoftLabelOptions[Key] | undefined }

export const softLabelSchema: z.ZodType<SoftLabelOptions, SoftLabelInput> = z.strictObject({
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

/** The divergence that options ask for. */
export const divergenceOf = (options: SoftLabelOptions): TokenLoss => losses[options.divergence](options)

/** (1−α) · cross-entropy + α · divergence from the teacher (1503.02531 §2; the names of the terms are those of the report). */
export function softLabels(options: Partial<SoftLabelOptions> = {}): Objective {
  const all = { ...softLabelDefaults, ...options }
  const soft = divergenceOf(all)
  return {
    key: `softLabels ${JSON.stringify(all)}`,
    wantsTeacher: true,
    ...(all.divergence === 'forward-kl' && { sliced: slicedForwardKl(all) }),
    terms(inputs) {
      if (!inputs.teacher) throw new TypeError('soft labels: a teacher is needed')
      return hardAndSoft(inputs, all.alpha, soft(inputs.teacher, inputs.sharedLogits))
    },
  }
}

const slicedForwardKl = ({ alpha, temperature }: SoftLabelOptions): SlicedLoss => ({
  hard: 1 - alpha,
  soft: alpha,
  temperature,
  terms: (crossEntropy, divergence) => ({
    loss: (1 - alpha) * crossEntropy + alpha * divergence,
    crossEntropy,
    divergence,
  }),
})

/** @param soft a row's divergence, `[1, rows, 1]` */
export function hardAndSoft(
  { logits, labels, weights }: LossInputs,
  alpha: number,
  soft: Node,
): { readonly loss: Node; readonly crossEntropy: Node; readonly divergence: Node } {
  const crossEntropy = weightedSum(tokenCrossEntropy(logits, labels), weights)
  const divergence = weightedSum(soft, weights)
  const share = (x: Node, by: number) => mul(x, constant(by))
  // What has no share is shown all the same, but not gone back through.
  if (alpha === 1) return { loss: divergence, crossEntropy, divergence }
  if (alpha === 0) return { loss: crossEntropy, crossEntropy, divergence }
  return { loss: add(share(crossEntropy, 1 - alpha), share(divergence, alpha)), crossEntropy, divergence }
}
