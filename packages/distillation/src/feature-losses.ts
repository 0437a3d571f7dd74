import {
  add,
  causalMask,
  concat,
  constant,
  div,
  exp,
  logSoftmax,
  matmul,
  mul,
  type Node,
  reduceMean,
  reduceSum,
  reshape,
  sqrt,
  sub,
  tanh,
  transpose,
} from '@sinter/tensor-core'

const c = constant
const square = (x: Node) => mul(x, x)
/** Never zero: a vector of zeros has no direction, and its gradient must not be one either. */
const lengthOf = (x: Node, axes: readonly number[]) => sqrt(add(reduceSum(square(x), axes), c(1e-24)))

/** Mean square of the difference of two hidden states `[..., width]`: one value a position, `[..., 1]`. */
export const hiddenMse = (student: Node, teacher: Node): Node => reduceMean(square(sub(student, teacher)), [-1])

/** 1 − cosine of the angle between two hidden states: one value a position, `[..., 1]`. */
export const hiddenCosine = (student: Node, teacher: Node): Node =>
  sub(c(1), reduceSum(mul(unit(student), unit(teacher)), [-1]))

const unit = (x: Node): Node => div(x, lengthOf(x, [-1]))

/** x / √mean x²: hidden states have a few channels that are far larger than all others, and MSE would see only those. */
export const toUnitRms = (x: Node): Node => div(x, sqrt(add(reduceMean(square(x), [-1]), c(1e-12))))

/**
 * Where activation is: mean of squares over channels, as one vector of length 1 over all positions (1612.03928 §3.1).
 * @param x `[batch, positions, channels]`
 * @returns `[batch, positions, 1]`
 */
export function activationMap(x: Node): Node {
  const energy = reduceMean(square(x), [-1])
  return div(energy, lengthOf(energy, [1]))
}

/** Square of the difference of two activation maps: one value a position, `[batch, positions, 1]`; channels may differ. */
export const attentionTransfer = (student: Node, teacher: Node): Node =>
  square(sub(activationMap(student), activationMap(teacher)))

/** What decides scores between positions, beside the vectors themselves. */
export interface Relation {
  /** Vectors of `[batch, tokens, width]` are cut into so many heads. */
  readonly heads: number
  /** Multiplies the products; default 1/√(width of a head). */
  readonly scale?: number | undefined
  /** Scores become `softcap · tanh(score / softcap)`. */
  readonly softcap?: number | undefined
  /** A position sees this many, itself included. */
  readonly window?: number | undefined
  /** i32 `[batch, tokens]`: a position sees its own document. */
  readonly documents?: Node | undefined
}

/** ln of how much every position looks at each one before it, `[batch, heads, tokens, tokens]`; queries and keys `[batch, tokens, width]`. */
export function logRelation(queries: Node, keys: Node, options: Relation): Node {
  const { heads, softcap, window = 0, documents } = options
  const [batch, tokens, width] = queries.shape as readonly [string, string, number]
  if (width % heads !== 0 || keys.shape[2] !== width)
    throw new TypeError(
      `relation: ${heads} heads of vectors of ${width} and ${keys.shape[2]}; expected equal multiples`,
    )
  const byHead = (x: Node) => transpose(reshape(x, [batch, tokens, heads, width / heads]), [0, 2, 1, 3])
  const scale = options.scale ?? 1 / Math.sqrt(width / heads)
  const scores = mul(matmul(byHead(queries), byHead(keys), { transB: true }), c(scale))
  const capped = softcap ? mul(tanh(div(scores, c(softcap))), c(softcap)) : scores
  const mask = causalMask(queries, keys, documents, window)
  return logSoftmax(add(capped, documents ? reshape(mask, [batch, 1, tokens, tokens]) : mask))
}

/** KL of one relation from another (MiniLM, 2002.10957 §3.1–3.2): mean over heads, one value a position, `[batch, tokens]`. */
export function relationKl(student: Node, teacher: Node): Node {
  if (student.shape[1] !== teacher.shape[1])
    throw new TypeError(`relation: ${student.shape[1]} and ${teacher.shape[1]} heads; expected as many`)
  const row = reduceSum(mul(exp(teacher), sub(teacher, student)), [-1])
  const [batch, , tokens] = student.shape as readonly [string, number, string]
  return reshape(reduceMean(row, [1]), [batch, tokens])
}

/** Heads that share keys or values, each with its own copy: `[batch, tokens, kvHeads · d]` to `[batch, tokens, heads · d]`. */
export function repeatHeads(x: Node, kvHeads: number, heads: number): Node {
  if (kvHeads === heads) return x
  const [batch, tokens, width] = x.shape as readonly [string, string, number]
  const single = reshape(x, [batch, tokens, kvHeads, 1, width / kvHeads])
  const copies = concat(
    Array.from({ length: heads / kvHeads }, () => single),
    3,
  )
  return reshape(copies, [batch, tokens, (width / kvHeads) * heads])
}
