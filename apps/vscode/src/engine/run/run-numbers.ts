import type { Outcome, RunResult } from '@sinter/engine'
import type { RunNumbers } from '../../shared/run-status.ts'

/** What a list of runs shows of a result and its evaluation. */
export function runNumbers({ bits, weights, outputBytes, timings }: RunResult, { evaluation }: Outcome): RunNumbers {
  const { perplexity, basePerplexity, divergence } = evaluation?.evaluation ?? {}
  return {
    outputBytes,
    bitsPerWeight: weights > 0 ? (bits.values + bits.scales + bits.zeroPoints + bits.indices) / weights : 0,
    seconds: Object.values(timings).reduce((sum, seconds) => sum + seconds, 0),
    perplexity: finite(perplexity?.value),
    basePerplexity: finite(basePerplexity?.value),
    kl: finite(divergence?.kl.value),
  }
}

const finite = (value: number | undefined): number | null =>
  value !== undefined && Number.isFinite(value) ? value : null
