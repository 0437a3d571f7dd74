import type { Objective } from '@sinter/model'
import {
  add,
  constant,
  div,
  exp,
  log,
  logSoftmax,
  maximum,
  mul,
  type Node,
  neg,
  reduceSum,
  sub,
} from '@sinter/tensor-core'
import { divergenceOf, hardAndSoft, type SoftLabelOptions, softLabelDefaults } from './soft-labels.ts'

export interface MultiTeacherOptions extends SoftLabelOptions {
  /**
   * `mixture`: one teacher with the weighted mean of the distributions, the optimum of the mean of forward KLs; `logits`: with
   * the weighted mean of the logits, their geometric mean; `losses`: the weighted mean of the divergences from each.
   */
  readonly combine: 'mixture' | 'logits' | 'losses'
  /** One for each teacher, or `certainty`: for each token by 1 / entropy, so that whoever knows counts. */
  readonly weights: readonly number[] | 'certainty'
}

/** Below this a teacher counts as certain: 1 / entropy must not be infinite. */
const LEAST_ENTROPY = 1e-3

const total = (nodes: readonly Node[]) => nodes.reduce((sum, node) => add(sum, node))

/**
 * Soft labels of several teachers that share the student's vocabulary.
 * @throws RangeError when weights are negative, all zero, or not as many as there are teachers
 */
export function multiTeacher(options: Partial<MultiTeacherOptions> & Pick<MultiTeacherOptions, 'weights'>): Objective {
  const all = { ...softLabelDefaults, combine: 'mixture' as const, ...options }
  if (all.weights !== 'certainty') checkWeights(all.weights)
  const soft = divergenceOf(all)
  return {
    key: `multiTeacher ${JSON.stringify(all)}`,
    wantsTeacher: true,
    terms(inputs) {
      const teachers = inputs.teachers ?? []
      const shares = sharesOf(teachers, all.weights)
      const student = inputs.sharedLogits
      const row =
        all.combine === 'losses'
          ? total(teachers.map((teacher, i) => mul(shares[i]!, soft(teacher, student))))
          : soft(all.combine === 'mixture' ? mixture(teachers, shares) : meanLogits(teachers, shares), student)
      return hardAndSoft(inputs, all.alpha, row)
    },
  }
}

/** softmax(−loss): the better a teacher predicts held-out text, the more it counts. */
export function weightsByLoss(losses: readonly number[], temperature = 1): number[] {
  const least = Math.min(...losses)
  const shares = losses.map(loss => Math.exp((least - loss) / temperature))
  const sum = shares.reduce((a, b) => a + b, 0)
  return shares.map(share => share / sum)
}

/** Weights of each teacher that sum to 1: scalars, or one for each row, `[1, rows, 1]`. */
function sharesOf(teachers: readonly Node[], weights: MultiTeacherOptions['weights']): readonly Node[] {
  if (weights === 'certainty') {
    const certain = teachers.map(teacher => div(constant(1), maximum(entropy(teacher), constant(LEAST_ENTROPY))))
    return certain.map(share => div(share, total(certain)))
  }
  if (weights.length !== teachers.length)
    throw new RangeError(`multi-teacher: ${weights.length} weights for ${teachers.length} teachers; give one for each`)
  const sum = weights.reduce((a, b) => a + b, 0)
  return weights.map(weight => constant(weight / sum))
}

function entropy(logits: Node): Node {
  const p = logSoftmax(logits)
  return neg(reduceSum(mul(exp(p), p), [-1]))
}

/** ln Σ w p, without leaving logarithms. */
function mixture(teachers: readonly Node[], shares: readonly Node[]): Node {
  // A weight of 0 is a logarithm that is merely very low.
  const parts = teachers.map((teacher, i) => add(logSoftmax(teacher), log(maximum(shares[i]!, constant(1e-30)))))
  const top = parts.reduce((a, b) => maximum(a, b))
  return add(top, log(total(parts.map(part => exp(sub(part, top))))))
}

const meanLogits = (teachers: readonly Node[], shares: readonly Node[]): Node =>
  total(teachers.map((teacher, i) => mul(shares[i]!, teacher)))

function checkWeights(weights: readonly number[]): void {
  const fit = weights.every(weight => Number.isFinite(weight) && weight >= 0) && weights.some(weight => weight > 0)
  if (!fit) throw new RangeError(`multi-teacher: expected weights >= 0 that are not all 0, got [${weights.join(', ')}]`)
}
