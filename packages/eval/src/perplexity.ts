import { type Estimate, estimateMean } from './moments.ts'

export interface Perplexity extends Estimate {
  /** Mean negative log-likelihood of a token, nats. */
  readonly meanNll: number
  /** Of `meanNll`, nats. */
  readonly nllStandardError: number
}

/**
 * `exp` of the mean negative log-likelihood; its standard error to first order, `ppl · se(nll)`.
 * @param nll nats, one for each prediction
 */
export function perplexity(nll: ArrayLike<number>): Perplexity {
  const { value: meanNll, standardError: nllStandardError } = estimateMean(nll)
  const value = Math.exp(meanNll)
  return { value, standardError: value * nllStandardError, meanNll, nllStandardError }
}
