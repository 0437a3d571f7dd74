import type { Objective } from '@sinter/model'
import { z } from 'zod'
import { hardAndSoft } from './soft-labels.ts'
import { topRenormalised, topTail } from './top-losses.ts'

export interface TopLabelOptions {
  /** How many of the teacher's tokens. */
  readonly k: number
  /** What is done with the mass of all others: kept as one symbol, or both sides renormalised without it. */
  readonly rest: 'tail' | 'renormalise'
  /** Of `renormalise`. */
  readonly temperature: number
  /** Share of the soft part; the rest is the cross-entropy of the data. */
  readonly alpha: number
}

export type TopLabelInput = { readonly k: number } & {
  readonly [Key in keyof TopLabelOptions]?: TopLabelOptions[Key] | undefined
}

export const topLabelSchema: z.ZodType<TopLabelOptions, TopLabelInput> = z
  .strictObject({
    k: z.int().min(1).max(4096).describe("How many of the teacher's most probable tokens are looked at."),
    rest: z
      .enum(['tail', 'renormalise'])
      .default('tail')
      .describe('The mass of all other tokens: one more symbol, or left out on both sides.'),
    temperature: z.number().positive().max(100).default(1).describe('Divides the logits of both; of renormalise.'),
    alpha: z.number().min(0).max(1).default(0.5).describe('Share of the soft part; the rest is cross-entropy.'),
  })
  .refine(({ rest, temperature }) => rest === 'renormalise' || temperature === 1, {
    path: ['temperature'],
    error:
      'with a tail the temperature is the one at which the teacher was asked, which is 1: what its other tokens would ' +
      'weigh at another is not known. Use rest: renormalise, or temperature 1',
  })
  .refine(({ rest, k }) => rest === 'tail' || k > 1, {
    path: ['k'],
    error: 'one token renormalised is always certain, so nothing is learnt; use rest: tail, or a larger k',
  })

/**
 * (1−α) · cross-entropy + α · divergence from what is known of a teacher: its k most probable tokens, which batches bring.
 * @throws ZodError for a temperature with a tail, and k = 1 without one
 */
export function topLabels(options: TopLabelInput): Objective {
  const all = topLabelSchema.parse(options)
  const { k, rest, temperature, alpha } = all
  const loss = rest === 'tail' ? topTail : topRenormalised(temperature)
  return {
    key: `topLabels ${JSON.stringify(all)}`,
    topK: k,
    terms(inputs) {
      if (!inputs.top) throw new TypeError('top labels: batches must bring the most probable tokens of a teacher')
      const { ids, logProbs } = inputs.top
      return hardAndSoft(inputs, alpha, loss(inputs.sharedLogits, ids, logProbs))
    },
  }
}
