import {
  add,
  constant,
  exp,
  expandLike,
  greater,
  log,
  logSoftmax,
  maximum,
  mul,
  type Node,
  reduceMax,
  reduceSum,
  scatterAlong,
  stop,
  sub,
  takeAlong,
} from '@sinter/tensor-core'

/**
 * How far a student is from what is known of a teacher, its k most probable tokens: one value a row, `[..., 1]`, in nats.
 * @param student logits `[..., vocabulary]`
 * @param ids i32 `[..., k]`; where there are fewer than k tokens the first of them again
 * @param logProbs ln p of these tokens, normalised over the whole vocabulary, `[..., k]`; `NO_TOKEN` where there are fewer
 */
export type TopLoss = (student: Node, ids: Node, logProbs: Node) => Node

/** Stands for ln 0: finite, so that 0 · ln 0 is 0, and exact in 16 bits. */
export const NO_TOKEN = -10_000

/**
 * ln p of 16 bits rounds, so the k probabilities may sum to 1 or more: what they leave is at least this. The student's share
 * has the same floor, or a teacher that knows everything (k = vocabulary) would be infinitely far.
 */
const LEAST_TAIL = 1e-8

/** Far below every logarithm of a probability, and exp gives 0. */
const REMOVED = -1e9

const c = constant
const total = (x: Node) => reduceSum(x, [-1])

/**
 * KL over k + 1 symbols, the last of which is everything else, on both sides. Never above the KL of the whole distributions, and
 * rising to it with k; 0 where the student is the teacher. Only at the temperature at which the teacher's log-probabilities
 * were taken: the mass of what is not known has no other.
 */
export const topTail: TopLoss = (student, ids, logProbs) => {
  const q = logSoftmax(student)
  const p = exp(logProbs)
  const known = total(mul(p, sub(logProbs, takeAlong(q, ids))))
  const tail = maximum(sub(c(1), total(p)), c(LEAST_TAIL))
  return add(known, mul(tail, sub(log(tail), logTail(q, ids))))
}

/** ln of what the student gives to all tokens but these. 1 − Σ q would lose a small rest, and its gradient, to rounding. */
function logTail(q: Node, ids: Node): Node {
  const times = scatterAlong(expandLike(c(1), ids), ids, q)
  const rest = add(q, mul(times, c(REMOVED)))
  // The shift changes nothing, so nothing has to flow through it.
  const top = stop(reduceMax(rest, [-1]))
  return maximum(add(top, log(total(exp(sub(rest, top))))), c(Math.log(LEAST_TAIL)))
}

/**
 * τ² KL of the two distributions renormalised over the teacher's k tokens. Nothing is learnt of the mass of the others, and of
 * k = 1 nothing at all; may be above or below the whole KL. At any temperature.
 */
export const topRenormalised =
  (temperature = 1): TopLoss =>
  (student, ids, logProbs) => {
    const soften = (x: Node) => (temperature === 1 ? x : mul(x, c(1 / temperature)))
    // A token that fills a gap is there already: it must not count twice.
    const gap = mul(greater(c(NO_TOKEN / 2), logProbs), c(NO_TOKEN))
    const p = logSoftmax(soften(logProbs))
    const q = logSoftmax(add(soften(takeAlong(student, ids)), gap))
    const value = total(mul(exp(p), sub(p, q)))
    return temperature === 1 ? value : mul(value, c(temperature ** 2))
  }
