import { z } from 'zod'
import type { FloatArray } from './optimizer.ts'

/** Which weights are averaged: recent steps with decaying weights, or the last steps of a run equally. */
export type Averaging =
  | { readonly kind: 'ema'; readonly decay: number; readonly biasCorrection: boolean }
  | { readonly kind: 'last'; readonly count: number }

export const averagingSchema: z.ZodType<Averaging> = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('ema'),
    decay: z.number().min(0).lt(1).default(0.999).describe('Share of the average that a step leaves.'),
    biasCorrection: z
      .boolean()
      .default(true)
      .describe(
        'Divide by the weight that the steps so far have; otherwise the weights before the first step count too.',
      ),
  }),
  z.strictObject({
    kind: z.literal('last'),
    count: z.int().min(1).describe('Steps at the end of the run whose weights are averaged.'),
  }),
])

/**
 * How far the average goes towards the weights after a step: `average += rate · (weights − average)`. This form needs no second
 * buffer: a bias-corrected EMA has the rate (1 − d)/(1 − dᵗ) (Kingma and Ba, arXiv:1412.6980 §3, with the division moved into
 * the recurrence), and the mean of the last k of a run 1, 1/2, … 1/k (Izmailov et al., arXiv:1803.05407 §3.2), zero before.
 *
 * The first rate above 0 is 1, whatever the average held; only an EMA without correction must start as a copy of the weights.
 * @param step from 1
 * @param steps of the whole run
 */
export function averagingRate(averaging: Averaging, step: number, steps: number): number {
  if (averaging.kind === 'last') {
    const first = Math.max(1, steps - averaging.count + 1)
    return step < first ? 0 : 1 / (step - first + 1)
  }
  const { decay, biasCorrection } = averaging
  return biasCorrection ? (1 - decay) / (1 - decay ** step) : 1 - decay
}

/** Moves an average towards the weights, in place. @throws RangeError when lengths differ */
export function averageInto(average: FloatArray, weights: FloatArray, rate: number): void {
  if (average.length !== weights.length)
    throw new RangeError(`averageInto: the average has ${average.length} values, the weights have ${weights.length}`)
  // What the average held may not even be finite.
  if (rate === 1) average.set(weights)
  else if (rate > 0) for (let i = 0; i < average.length; i++) average[i]! += rate * (weights[i]! - average[i]!)
}
