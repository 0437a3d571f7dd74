import { argsort, type Rng } from '@sinter/tensor-core'

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
  if (temperature === 0) return likeliest(logits)
  const order = argsort(logits, { descending: true })
  const count = topK > 0 ? Math.min(topK, order.length) : order.length
  const top = logits[order[0]!]!
  const weights = Float64Array.from(order.subarray(0, count), id => Math.exp((logits[id]! - top) / temperature))
  const kept = topP < 1 ? nucleus(weights, topP) : count
  return order[draw(weights.subarray(0, kept), rng)]!
}

function likeliest(logits: Float32Array): number {
  let best = 0
  for (let i = 1; i < logits.length; i++) if (logits[i]! > logits[best]!) best = i
  return best
}

/** How many of the sorted weights it takes to reach the share p. */
function nucleus(weights: Float64Array, p: number): number {
  const limit = p * total(weights)
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

const total = (weights: Float64Array): number => weights.reduce((sum, weight) => sum + weight, 0)
