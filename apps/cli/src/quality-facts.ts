import type { Evaluation } from '@sinter/eval'
import { percent } from './terminal/units.ts'

/** An evaluation for people: names and values with their standard errors. */
export function qualityFacts(evaluation: Evaluation): (readonly [name: string, value: string | undefined])[] {
  const { perplexity, basePerplexity, divergence, windows, length, predictions, protocol } = evaluation
  return [
    ['perplexity', within(perplexity.value, perplexity.standardError, 3)],
    ['of the original', basePerplexity && within(basePerplexity.value, basePerplexity.standardError, 3)],
    ['KL divergence', divergence && `${within(divergence.kl.value, divergence.kl.standardError, 5)} nats`],
    ['KL 99th percentile', divergence && `${divergence.kl.percentiles['99'].toFixed(4)} nats`],
    ['same top token', divergence && percent(divergence.topAgreement.value)],
    ['RMS change of p', divergence && percent(divergence.rmsDeltaP.value)],
    ['measured on', `${predictions} predictions in ${windows} windows of ${length} tokens (protocol ${protocol})`],
  ]
}

const within = (value: number, error: number, digits: number): string =>
  `${value.toFixed(digits)} ± ${error.toFixed(digits)}`

/** An evaluation for programs, flat. KL in nats. */
export function qualityNumbers(evaluation: Evaluation): Record<string, number> {
  const { perplexity, basePerplexity, divergence, windows, length, predictions } = evaluation
  return {
    perplexity: perplexity.value,
    perplexityStandardError: perplexity.standardError,
    ...(basePerplexity && { basePerplexity: basePerplexity.value }),
    ...(divergence && {
      kl: divergence.kl.value,
      klStandardError: divergence.kl.standardError,
      topAgreement: divergence.topAgreement.value,
      topAgreementStandardError: divergence.topAgreement.standardError,
    }),
    windows,
    length,
    predictions,
  }
}
