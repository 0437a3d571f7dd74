import type { Evaluation } from '@sinter/eval'
import type { ReportQuality } from './report.ts'

/** An evaluation as the report shows it. */
export function reportQuality(evaluation: Evaluation, text?: string): ReportQuality {
  const { perplexity, basePerplexity, divergence, protocol, windows, length, predictions } = evaluation
  const kl = divergence?.kl
  const where = text === undefined ? '' : ` of ${text}`
  return {
    protocol: `protocol ${protocol}: ${windows} windows of ${length} tokens${where}, ${predictions} predictions`,
    model: { ppl: perplexity.value, se: perplexity.standardError },
    base: basePerplexity && { ppl: basePerplexity.value, se: basePerplexity.standardError },
    kl: kl && {
      mean: kl.value,
      se: kl.standardError,
      median: kl.median,
      p90: kl.percentiles['90'],
      p99: kl.percentiles['99'],
      p999: kl.percentiles['99.9'],
      max: kl.max,
    },
    topAgreement: divergence && { value: divergence.topAgreement.value, se: divergence.topAgreement.standardError },
  }
}
