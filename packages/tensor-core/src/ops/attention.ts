import { gradients } from '../graph/gradient.ts'
import type { Dim, Node } from '../graph/node.ts'
import { apply, defineOp, type NdArray, type OnnxEmitter, showShape } from '../graph/op.ts'
import { constant } from './constant.ts'
import { add, div, mul, tanh } from './elementwise.ts'
import { matmul } from './matmul.ts'
import { reshape } from './reshape.ts'
import { softmax } from './softmax.ts'
import { stop } from './stop.ts'
import { transpose } from './transpose.ts'

export interface AttentionOptions {
  readonly heads: number
  readonly kvHeads: number
  /** Multiplies the scores; default 1/√headDim. */
  readonly scale?: number
  /** A query sees this many positions, itself included. */
  readonly window?: number
  /** Scores become `softcap · tanh(score / softcap)`. */
  readonly softcap?: number
}

interface Resolved {
  readonly heads: number
  readonly kvHeads: number
  readonly headDim: number
  readonly scale: number
  readonly window: number
  readonly softcap: number
}

const op = defineOp({
  name: 'attention',
  infer: ([q, k, v, documents], attributes) => {
    const { heads, kvHeads, headDim } = attributes as unknown as Resolved
    const fits = q!.shape.at(-1) === heads * headDim && k!.shape.at(-1) === kvHeads * headDim
    if (q!.shape.length !== 3 || !fits || String(k!.shape) !== String(v!.shape) || heads % kvHeads !== 0)
      throw new TypeError(
        `attention: q ${showShape(q!.shape)}, k ${showShape(k!.shape)}, v ${showShape(v!.shape)} do not fit ${heads} heads, ${kvHeads} kv heads of ${headDim}`,
      )
    if (documents && (String(documents.shape) !== String(q!.shape.slice(0, 2)) || q!.shape[1] !== k!.shape[1]))
      throw new TypeError(
        `attention: documents ${showShape(documents.shape)} are not ${showShape(q!.shape.slice(0, 2))}`,
      )
    return { dtype: q!.dtype, shape: q!.shape }
  },
  reference: ([q, k, v, documents], attributes, shape) =>
    attend(q!, k!, v!, documents, attributes as unknown as Resolved, shape),
  gradient: ({ inputs, attributes }, given) => {
    // Leaves of their own: q, k and v may be one node.
    const leaves = inputs.slice(0, 3).map(stop) as [Node, Node, Node]
    const whole = composed(...leaves, inputs[3], attributes as unknown as Resolved)
    const found = gradients(new Map([[whole, given]]), leaves)
    return leaves.map(leaf => found.get(leaf))
  },
  lower: (emit, inputs, node) => {
    const attributes = node.attributes as unknown as Resolved
    const [q, k] = node.inputs
    // The fused kernel masks as we do when queries and keys are the same positions, and wants headDim in eights.
    const fused = q!.shape[1] === k!.shape[1] && attributes.headDim % 8 === 0 && inputs.length === 3
    return fused ? lowerFused(emit, inputs, attributes) : lowerPlain(emit, inputs, attributes)
  },
})

/**
 * Causal attention of q `[batch, queries, heads·headDim]` over k, v `[batch, keys, kvHeads·headDim]`.
 * The queries are the last of the keys' positions, so a cache is a longer k and v. Grouped heads share keys.
 * @param documents i32 `[batch, tokens]`: which document a position belongs to, where a row holds several; a query sees its own
 */
export function attention(q: Node, k: Node, v: Node, options: AttentionOptions, documents?: Node): Node {
  const { heads, kvHeads, window = 0, softcap = 0 } = options
  const headDim = (q.shape.at(-1) as number) / heads
  const scale = options.scale ?? 1 / Math.sqrt(headDim)
  return apply(op, documents ? [q, k, v, documents] : [q, k, v], { heads, kvHeads, headDim, scale, window, softcap })
}

function attend(
  q: NdArray,
  k: NdArray,
  v: NdArray,
  documents: NdArray | undefined,
  a: Resolved,
  shape: readonly number[],
): NdArray {
  const [batch, queries] = shape as [number, number]
  const keys = k.shape[1]!
  const data = new Float64Array(q.data.length)
  const scores = new Float64Array(keys)
  for (let b = 0; b < batch; b++)
    for (let h = 0; h < a.heads; h++)
      for (let t = 0; t < queries; t++) {
        const last = t + keys - queries
        let first = a.window > 0 ? Math.max(0, last - a.window + 1) : 0
        // A document is in one piece, so what is not ours lies before it.
        if (documents) while (documents.data[b * keys + first] !== documents.data[b * queries + t]) first++
        const qAt = (b * queries + t) * a.heads * a.headDim + h * a.headDim
        const kvAt = (key: number) =>
          (b * keys + key) * a.kvHeads * a.headDim + Math.floor((h * a.kvHeads) / a.heads) * a.headDim
        let max = -Infinity
        for (let key = first; key <= last; key++) {
          let dot = 0
          const at = kvAt(key)
          for (let i = 0; i < a.headDim; i++) dot += q.data[qAt + i]! * k.data[at + i]!
          dot *= a.scale
          scores[key] = a.softcap > 0 ? a.softcap * Math.tanh(dot / a.softcap) : dot
          max = Math.max(max, scores[key]!)
        }
        let sum = 0
        for (let key = first; key <= last; key++) sum += scores[key] = Math.exp(scores[key]! - max)
        for (let key = first; key <= last; key++) {
          const weight = scores[key]! / sum
          const at = kvAt(key)
          for (let i = 0; i < a.headDim; i++) data[qAt + i]! += weight * v.data[at + i]!
        }
      }
  return { shape, data }
}

/** The same out of smaller operations, which have gradients. The heads of a group lie one after the other, as more queries. */
function composed(q: Node, k: Node, v: Node, documents: Node | undefined, a: Resolved): Node {
  const repeat = a.heads / a.kvHeads
  const [batch, queries] = q.shape as [Dim, Dim]
  const keys = k.shape[1]!
  const rows = repeat === 1 ? queries : typeof queries === 'number' ? repeat * queries : `${repeat}*${queries}`
  const grouped = [batch, a.kvHeads, rows, a.headDim]
  const byHead = (x: Node) => transpose(reshape(x, [batch, keys, a.kvHeads, a.headDim]), [0, 2, 1, 3])
  const split = transpose(reshape(q, [batch, queries, a.kvHeads, repeat, a.headDim]), [0, 2, 3, 1, 4])
  const scaled = mul(reshape(split, grouped), constant(a.scale))
  const dots = matmul(scaled, byHead(k), { transB: true })
  const capped = a.softcap > 0 ? mul(tanh(div(dots, constant(a.softcap))), constant(a.softcap)) : dots
  const scores = add(reshape(capped, [batch, a.kvHeads, repeat, queries, keys]), causalMask(q, k, documents, a.window))
  const weights = reshape(softmax(scores), [batch, a.kvHeads, rows, keys])
  const mixed = reshape(matmul(weights, byHead(v)), [batch, a.kvHeads, repeat, queries, a.headDim])
  return reshape(transpose(mixed, [0, 3, 1, 2, 4]), q.shape)
}

const MASKED = -3e38

const mask = defineOp({
  name: 'causalMask',
  infer: ([q, k, documents]) => ({
    dtype: 'f32',
    shape: [...(documents ? [q!.shape[0]!, 1, 1] : []), q!.shape[1]!, k!.shape[1]!],
  }),
  reference: ([_, __, documents], { window }, shape) => {
    const [queries, keys] = shape.slice(-2) as [number, number]
    const hidden = (batch: number, row: number, key: number) => {
      const last = row + keys - queries
      const past = (window as number) > 0 && key <= last - (window as number)
      const other = documents && documents.data[batch * keys + key] !== documents.data[batch * keys + row]
      return key > last || past || other
    }
    const data = Float64Array.from({ length: shape.reduce((n, d) => n * d, 1) }, (_, i) => {
      const row = Math.floor(i / keys)
      return hidden(Math.floor(row / queries), row % queries, i % keys) ? MASKED : 0
    })
    return { shape, data }
  },
  gradient: 'none',
  lower: (emit, [q, k, documents], node) => {
    const scalar = (value: number) => emit.constant('f32', [], [value])
    const hidden = maskOf(emit, q!, k!, documents, node.attributes.window as number)
    return emit.node('Where', [hidden, scalar(MASKED), scalar(0)])
  },
})

/** What is added to scores `[..., queries, keys]` of q `[batch, queries, ...]` and k `[batch, keys, ...]`: 0, or about −∞ where a query must not look. */
export const causalMask = (q: Node, k: Node, documents: Node | undefined, window: number): Node =>
  apply(mask, documents ? [q, k, documents] : [q, k], { window })

/** ONNX Runtime's fused kernel: it never does the masked half of the softmax. */
function lowerFused(emit: OnnxEmitter, [q, k, v]: readonly string[], a: Resolved): string {
  const shape = emit.node('Shape', [q!])
  const dim = (axis: number) => emit.node('Slice', [shape, int(emit, [axis]), int(emit, [axis + 1])])
  const tokens = emit.node('Cast', [dim(1)], { to: 6n })
  const last = emit.node('Sub', [tokens, emit.constant('i32', [1], [1])])
  const lengths = emit.node('Expand', [last, dim(0)])
  const total = emit.node('Squeeze', [tokens])
  const attributes = {
    num_heads: BigInt(a.heads),
    kv_num_heads: BigInt(a.kvHeads),
    scale: a.scale,
    ...(a.window > 0 && { local_window_size: BigInt(a.window) }),
    ...(a.softcap > 0 && { softcap: a.softcap }),
  }
  return emit.nodes('GroupQueryAttention', [q!, k!, v!, '', '', lengths, total], 3, attributes, 'com.microsoft')[0]!
}

/** The same in plain operations: for a cache, and for head sizes that the fused kernel refuses. */
function lowerPlain(emit: OnnxEmitter, [q, k, v, documents]: readonly string[], a: Resolved): string {
  const repeat = a.heads / a.kvHeads
  // [B, T, H·d] → [B, KV, R, T, d]; keys and values broadcast over R.
  const split = (x: string, r: number) =>
    emit.node('Transpose', [emit.node('Reshape', [x, int(emit, [0, 0, a.kvHeads, r, a.headDim])])], {
      perm: [0n, 2n, 3n, 1n, 4n],
    })
  const flip = (x: string) => emit.node('Transpose', [x], { perm: [0n, 1n, 2n, 4n, 3n] })
  const scalar = (value: number) => emit.constant('f32', [], [value])
  let scores = emit.node('Mul', [emit.node('MatMul', [split(q!, repeat), flip(split(k!, 1))]), scalar(a.scale)])
  if (a.softcap > 0)
    scores = emit.node('Mul', [emit.node('Tanh', [emit.node('Div', [scores, scalar(a.softcap)])]), scalar(a.softcap)])
  const hidden = maskOf(emit, q!, k!, documents, a.window)
  const masked = emit.node('Where', [hidden, scalar(MASKED), scores])
  const mixed = emit.node('MatMul', [emit.node('Softmax', [masked], { axis: -1n }), split(v!, 1)])
  const back = emit.node('Transpose', [mixed], { perm: [0n, 3n, 1n, 2n, 4n] })
  return emit.node('Reshape', [back, int(emit, [0, 0, a.heads * a.headDim])])
}

/** bool [queries, keys], or [batch, 1, 1, queries, keys] of documents: true where the query must not look. */
function maskOf(emit: OnnxEmitter, q: string, k: string, documents: string | undefined, window: number): string {
  const length = (x: string) =>
    emit.node('Squeeze', [emit.node('Slice', [emit.node('Shape', [x]), int(emit, [1]), int(emit, [2])])])
  const range = (limit: string) =>
    emit.node('Range', [emit.constant('i64', [], [0]), limit, emit.constant('i64', [], [1])])
  const queries = length(q)
  const keys = length(k)
  const rows = emit.node('Add', [
    emit.node('Unsqueeze', [range(queries), int(emit, [1])]),
    emit.node('Sub', [keys, queries]),
  ])
  const cols = range(keys)
  let hidden = emit.node('Less', [rows, cols])
  if (window > 0) {
    const past = emit.node('LessOrEqual', [cols, emit.node('Sub', [rows, emit.constant('i64', [], [window])])])
    hidden = emit.node('Or', [hidden, past])
  }
  if (documents === undefined) return hidden
  const [own, seen] = [
    [1, 2, 4],
    [1, 2, 3],
  ].map(axes => emit.node('Unsqueeze', [documents, int(emit, axes)]))
  return emit.node('Or', [hidden, emit.node('Not', [emit.node('Equal', [own!, seen!])])])
}

const int = (emit: OnnxEmitter, values: readonly number[]) => emit.constant('i64', [values.length], values)
