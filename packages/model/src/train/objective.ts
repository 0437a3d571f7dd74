import { logSoftmax, mul, type Node, neg, reduceSum, reshape, takeAlong } from '@sinter/tensor-core'

/** What a loss may look at: one row a target token. */
export interface LossInputs {
  /** f32 `[1, rows, vocabulary]` */
  readonly logits: Node
  /** The same over the tokens that teachers know too, f32 `[1, rows, shared]`: `logits` itself where that is all of them. */
  readonly sharedLogits: Node
  /** The tokens that were to be predicted, i32 `[1, rows]`. */
  readonly labels: Node
  /** f32 `[1, rows]`; they add up to 1 over a step, so a loss that is summed with them is a mean over its tokens. */
  readonly weights: Node
  /** The teacher's logits, of the shape of `sharedLogits`, when the objective wants a teacher; of several the first one's. */
  readonly teacher?: Node
  /** All teachers' logits. */
  readonly teachers?: readonly Node[]
  /** The teacher's `topK` most probable tokens, i32 `[1, rows, topK]`, and ln p of each, f32 of the same shape. */
  readonly top?: { readonly ids: Node; readonly logProbs: Node }
}

/**
 * A loss whose gradient at a row's logits is known once their normaliser is, so that it can be worked out in slices of the
 * vocabulary: `hard` · (cross-entropy) + `soft` · τ² KL(p^τ ‖ q^τ). Over the logits z that is
 * hard · (softmax(z) − 1 at the label) + soft · τ · (q^τ − p^τ).
 */
export interface SlicedLoss {
  readonly hard: number
  /** Above 0 only with a teacher. */
  readonly soft: number
  readonly temperature: number
  /** The objective's terms from the sums of the two parts. */
  terms(crossEntropy: number, divergence: number): Record<string, number>
}

/** What training makes smaller. */
export interface Objective {
  /** Tells objectives apart in a cache of compiled graphs. */
  readonly key: string
  /** Teachers are models that run beside the student. */
  readonly wantsTeacher?: boolean
  /** How many of a teacher's most probable tokens the loss looks at: batches bring them, from wherever they are known. */
  readonly topK?: number
  /** The same loss for slices of the vocabulary, where it has that form. */
  readonly sliced?: SlicedLoss
  /** Scalars by name, summed over the rows with their weights. `loss` is differentiated, the others are shown. */
  terms(inputs: LossInputs): Readonly<Record<string, Node>> & { readonly loss: Node }
}

/** Σ weights · values of `[1, rows, 1]`, as a scalar. */
export const weightedSum = (values: Node, weights: Node): Node =>
  reshape(reduceSum(mul(reshape(values, weights.shape), weights), [0, 1]), [])

/** −ln q(label) of each row, `[1, rows, 1]`. */
export function tokenCrossEntropy(logits: Node, labels: Node): Node {
  return neg(takeAlong(logSoftmax(logits), reshape(labels, [...labels.shape, 1])))
}

/** Mean cross-entropy of the next token, in nats. */
export const crossEntropy: Objective = {
  key: 'crossEntropy',
  sliced: { hard: 1, soft: 0, temperature: 1, terms: loss => ({ loss }) },
  terms: ({ logits, labels, weights }) => ({ loss: weightedSum(tokenCrossEntropy(logits, labels), weights) }),
}
