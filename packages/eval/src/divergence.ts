import { covarianceOfMeans, type Estimate, estimateMean, mean, quantile } from './moments.ts'
import type { TokenScores } from './token-scores.ts'

/** A distribution over tokens, as llama.cpp prints it. */
export interface Spread extends Estimate {
  readonly min: number
  readonly max: number
  readonly median: number
  /** By percent: `'99.9'`, `'99'`, `'95'`, `'90'`, `'10'`, `'5'`, `'1'`, `'0.1'`. */
  readonly percentiles: Readonly<Record<Percent, number>>
}

export type Percent = (typeof percents)[number]

const percents = ['99.9', '99', '95', '90', '10', '5', '1', '0.1'] as const

/** How far a model has moved from its original. Standard errors are over tokens. */
export interface Divergence {
  /** KL(base ‖ model) of the whole next-token distribution, nats. */
  readonly kl: Spread
  /** mean ln(PPL model / PPL base); the two series go together, and the standard error knows it. */
  readonly logPerplexityRatio: Estimate
  readonly perplexityRatio: Estimate
  /** Pearson correlation of the two series of negative log-likelihoods; NaN-free: 1 when neither varies. */
  readonly correlation: number
  /** Change of the probability of the token that came, −1 … 1. */
  readonly deltaP: Spread
  readonly rmsDeltaP: Estimate
  /** Share of positions where both find the same token most likely, 0 … 1; binomial standard error. */
  readonly topAgreement: Estimate
}

/** @throws TypeError when the scores were made without a base */
export function divergence({ nll, base }: TokenScores): Divergence {
  if (!base) throw new TypeError('divergence needs scores of the model beside those of its original; give a base')
  const deltaP = nll.map((value, i) => Math.exp(-value) - Math.exp(-base.nll[i]!))
  const logPerplexityRatio = ratioOf(nll, base.nll)
  const ratio = Math.exp(logPerplexityRatio.value)
  return {
    kl: spread(base.kl),
    logPerplexityRatio,
    perplexityRatio: { value: ratio, standardError: ratio * logPerplexityRatio.standardError },
    correlation: correlation(nll, base.nll),
    deltaP: spread(deltaP),
    rmsDeltaP: rootMeanSquare(deltaP),
    topAgreement: share(base.sameTop),
  }
}

/** Mean, extremes and percentiles of a series. */
export function spread(values: Float64Array): Spread {
  const sorted = values.slice().sort()
  return {
    ...estimateMean(values),
    min: sorted[0]!,
    max: sorted[sorted.length - 1]!,
    median: quantile(sorted, 0.5),
    percentiles: Object.fromEntries(percents.map(p => [p, quantile(sorted, Number(p) / 100)])) as Record<
      Percent,
      number
    >,
  }
}

/** var(x − y) = var(x) + var(y) − 2 cov(x, y). */
function ratioOf(model: Float64Array, base: Float64Array): Estimate {
  return estimateMean(model.map((value, i) => value - base[i]!))
}

function correlation(a: Float64Array, b: Float64Array): number {
  const scale = Math.sqrt(covarianceOfMeans(a, a) * covarianceOfMeans(b, b))
  return scale > 0 ? covarianceOfMeans(a, b) / scale : 1
}

/** d√x = dx / 2√x carries the standard error of the mean square over. */
function rootMeanSquare(values: Float64Array): Estimate {
  const square = estimateMean(values.map(value => value * value))
  const value = Math.sqrt(square.value)
  return { value, standardError: value > 0 ? square.standardError / (2 * value) : 0 }
}

function share(flags: Uint8Array): Estimate {
  const value = mean(flags)
  return { value, standardError: flags.length > 1 ? Math.sqrt((value * (1 - value)) / (flags.length - 1)) : 0 }
}
