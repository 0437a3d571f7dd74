import { argsort, type Rng, smallest } from '@sinter/tensor-core'

export interface SamplingOptions {
  /** Divides the logits; 0 takes the likeliest token. */
  readonly temperature?: number
  /** Only the k likeliest tokens; 0: all. */
  readonly topK?: number
  /** Only the likeliest tokens that together have this probability; 1: all (Holtzman et al. 2019). */
  readonly topP?: number
}

/** @throws RangeError for an option out of range */
export function checkSampling({ temperature = 0, topK = 0, topP = 1 }: SamplingOptions): void {
  if (!(temperature >= 0) || !Number.isFinite(temperature))
    throw new RangeError(`temperature: expected a number >= 0, got ${temperature}`)
  if (!Number.isInteger(topK) || topK < 0) throw new RangeError(`topK: expected a whole number >= 0, got ${topK}`)
  if (!(topP > 0 && topP <= 1)) throw new RangeError(`topP: expected 0 < p <= 1, got ${topP}`)
}

/** Chooses the next token from logits `[vocabulary]`. Equal logits go by the smaller id. */
export function sampleToken(logits: Float32Array, options: SamplingOptions, rng: Rng): number {
  const { temperature = 0, topK = 0, topP = 1 } = options
  const best = likeliest(logits)
  if (temperature === 0) return best
  const top = logits[best]!
  const weights = new Float64Array(logits.length)
  for (let i = 0; i < weights.length; i++) weights[i] = Math.exp((logits[i]! - top) / temperature)
  const limited = topK > 0 && topK < weights.length
  if (topP === 1 && !limited) return draw(weights, rng)
  const order = limited ? likeliestFew(logits, topK) : undefined
  const kept = topP < 1 ? nucleus(logits, weights, order, topP) : order!
  return kept[draw(pick(weights, kept), rng)]!
}

function likeliest(logits: Float32Array): number {
  let best = 0
  for (let i = 1; i < logits.length; i++) if (logits[i]! > logits[best]!) best = i
  return best
}

/** The k likeliest ids, likeliest first. By logits: weights of different logits may be equal. */
function likeliestFew(logits: Float32Array, k: number): Int32Array {
  const chosen = smallest(
    logits.map(logit => -logit),
    k,
  )
  const values = Float32Array.from(chosen, id => logits[id]!)
  return argsort(values, { descending: true }).map(at => chosen[at]!)
}

/**
 * The likeliest of `order` (of all tokens, without one) that together have the share p. A nucleus is small as a rule, and sorting
 * a large vocabulary takes longer than all else, so the search starts with few.
 */
function nucleus(logits: Float32Array, weights: Float64Array, order: Int32Array | undefined, p: number): Int32Array {
  if (order) return order.subarray(0, reach(pick(weights, order), p * total(pick(weights, order))))
  const limit = p * total(weights)
  for (let k = 256; ; k *= 8) {
    const some = likeliestFew(logits, Math.min(k, weights.length))
    const count = reach(pick(weights, some), limit)
    if (count < some.length || k >= weights.length) return some.subarray(0, count)
  }
}

/** How many of the weights it takes to sum to the limit; all, when they do not. */
function reach(weights: Float64Array, limit: number): number {
  let sum = 0
  for (let i = 0; i < weights.length; i++) {
    sum += weights[i]!
    if (sum >= limit) return i + 1
  }
  return weights.length
}

function draw(weights: Float64Array, rng: Rng): number {
  let rest = rng.uniform() * total(weights)
  for (let i = 0; i < weights.length; i++) {
    rest -= weights[i]!
    if (rest < 0) return i
  }
  return weights.length - 1
}

const pick = (weights: Float64Array, ids: Int32Array): Float64Array => Float64Array.from(ids, id => weights[id]!)

function total(weights: Float64Array): number {
  let sum = 0
  for (let i = 0; i < weights.length; i++) sum += weights[i]!
  return sum
}
