import {
  abs,
  add,
  constant,
  exp,
  log,
  logSoftmax,
  maximum,
  mul,
  type Node,
  neg,
  reduceMean,
  reduceSum,
  stop,
  sub,
} from '@sinter/tensor-core'

/**
 * How far a student's next-token distribution q is from a teacher's p, as graphs over logits `[..., vocabulary]`: one value a
 * row, `[..., 1]`, in nats. The gradient of each comes from the graph.
 */
export type TokenLoss = (teacher: Node, student: Node) => Node

const c = constant
const scale = (x: Node, by: number) => (by === 1 ? x : mul(x, c(by)))
/** Σ p (ln p − other) over the vocabulary. */
const against = (lnP: Node, other: Node) => reduceSum(mul(exp(lnP), sub(lnP, other)), [-1])

/** ln(α eᵃ + (1−α) eᵇ), without leaving logarithms: both may be far below the smallest float. */
function lnMixture(a: Node, b: Node, alpha: number): Node {
  const x = add(a, c(Math.log(alpha)))
  const y = add(b, c(Math.log(1 - alpha)))
  // The shift changes nothing, so nothing has to flow through it.
  const top = stop(maximum(x, y))
  return add(top, log(add(exp(sub(x, top)), exp(sub(y, top)))))
}

const both = (teacher: Node, student: Node, temperature = 1) =>
  [logSoftmax(scale(teacher, 1 / temperature)), logSoftmax(scale(student, 1 / temperature))] as const

/** τ² KL(p^τ ‖ q^τ) (Hinton et al., 1503.02531 §2.1): the factor keeps the gradient's size as τ grows. */
export const forwardKl =
  (temperature = 1): TokenLoss =>
  (teacher, student) => {
    const [p, q] = both(teacher, student, temperature)
    return scale(against(p, q), temperature ** 2)
  }

/** τ² KL(q^τ ‖ p^τ): seeks a mode of the teacher where `forwardKl` covers them all. */
export const reverseKl =
  (temperature = 1): TokenLoss =>
  (teacher, student) => {
    const [p, q] = both(teacher, student, temperature)
    return scale(against(q, p), temperature ** 2)
  }

/** −Σ p ln q: `forwardKl` and the teacher's entropy; the same gradient. */
export const softCrossEntropy: TokenLoss = (teacher, student) => {
  const [p, q] = both(teacher, student)
  return neg(reduceSum(mul(exp(p), q), [-1]))
}

/** (1 − λ) · soft cross-entropy + λ · reverse KL. */
export const symmetricKl =
  (lambda: number): TokenLoss =>
  (teacher, student) =>
    add(scale(softCrossEntropy(teacher, student), 1 - lambda), scale(reverseKl()(teacher, student), lambda))

/**
 * Generalised Jensen–Shannon divergence (GKD, 2306.13649 §2): β KL(p‖M) + (1−β) KL(q‖M), M = β p + (1−β) q.
 * @param beta 0 gives KL(p‖q) and 1 gives KL(q‖p), of which the formula itself is only a vanishing multiple
 */
export const jensenShannon =
  (beta: number): TokenLoss =>
  (teacher, student) => {
    if (beta === 0) return forwardKl()(teacher, student)
    if (beta === 1) return reverseKl()(teacher, student)
    const [p, q] = both(teacher, student)
    const m = lnMixture(p, q, beta)
    return add(scale(against(p, m), beta), scale(against(q, m), 1 - beta))
  }

/** KL(p ‖ a p + (1−a) q) (DistiLLM, 2402.03898 §3.1): bounded where q misses what the teacher says. */
export const skewKl =
  (alpha = 0.1): TokenLoss =>
  (teacher, student) => {
    const [p, q] = both(teacher, student)
    return against(p, lnMixture(p, q, alpha))
  }

/** KL(q ‖ (1−a) p + a q). */
export const skewReverseKl =
  (alpha = 0.1): TokenLoss =>
  (teacher, student) => {
    const [p, q] = both(teacher, student)
    return against(q, lnMixture(q, p, alpha))
  }

/** Total variation: ½ Σ |p − q|. */
export const totalVariation: TokenLoss = (teacher, student) => {
  const [p, q] = both(teacher, student)
  return scale(reduceSum(abs(sub(exp(p), exp(q))), [-1]), 0.5)
}

/** Mean square of the difference of the logits themselves. */
export const logitsMse: TokenLoss = (teacher, student) => {
  const difference = sub(student, teacher)
  return reduceMean(mul(difference, difference), [-1])
}
