import type { Estimate, Evaluation } from '@sinter/eval'

/** A number that says how good a compressed model is. */
export interface Metric {
  readonly name: string
  readonly title: string
  readonly unit: string
  /** Which way is better. */
  readonly better: 'lower' | 'higher'
  /** Absent when the evaluation had no original beside it. */
  readonly read: (evaluation: Evaluation) => Estimate | undefined
}

/** One line a metric. */
export const metrics: readonly Metric[] = [
  metric('perplexity', 'Perplexity', 'per token', 'lower', e => e.perplexity),
  metric('perplexityRatio', 'Perplexity over the original’s', '', 'lower', e => e.divergence?.perplexityRatio),
  metric('kl', 'KL divergence from the original', 'nats', 'lower', e => e.divergence?.kl),
  metric('topAgreement', 'Same most likely token', 'share', 'higher', e => e.divergence?.topAgreement),
  metric('rmsDeltaP', 'RMS change of probability', '', 'lower', e => e.divergence?.rmsDeltaP),
]

function metric(name: string, title: string, unit: string, better: Metric['better'], read: Metric['read']): Metric {
  return { name, title, unit, better, read }
}
