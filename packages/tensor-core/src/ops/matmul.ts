import type { Node } from '../graph/node.ts'
import { apply, broadcast, defineOp, type NdArray, showShape } from '../graph/op.ts'
import { product, strides } from './strides.ts'
import { sumTo } from './sum-to.ts'

interface MatmulAttributes {
  readonly transA?: boolean | undefined
  readonly transB?: boolean | undefined
}

const op = defineOp({
  name: 'matmul',
  infer: ([a, b], { transA, transB }) => {
    const [m, ka] = lastTwo(a!, transA === true)
    const [kb, n] = lastTwo(b!, transB === true)
    if (ka !== kb || a!.dtype !== b!.dtype)
      throw new TypeError(`matmul: ${a!.dtype}${showShape(a!.shape)} and ${b!.dtype}${showShape(b!.shape)} do not fit`)
    return { dtype: a!.dtype, shape: [...broadcast(a!.shape.slice(0, -2), b!.shape.slice(0, -2)), m, n] }
  },
  reference: ([a, b], attributes, shape) => multiply(a!, b!, attributes as MatmulAttributes, shape),
  gradient: ({ inputs: [a, b], attributes }, given, [wantsA, wantsB]) => {
    const { transA = false, transB = false } = attributes as MatmulAttributes
    const toA = () =>
      transA ? matmul(b!, given, { transA: transB, transB: true }) : matmul(given, b!, { transB: !transB })
    const toB = () =>
      transB ? matmul(given, a!, { transA: true, transB: transA }) : matmul(a!, given, { transA: !transA })
    return [wantsA ? sumTo(toA(), a!) : undefined, wantsB ? sumTo(toB(), b!) : undefined]
  },
  lower: (emit, [a, b], node) => {
    const { transA, transB } = node.attributes as MatmulAttributes
    // FusedMatMul has f32 kernels only; in f64 the transposes are nodes of their own.
    if (node.dtype === 'f32' && (transA || transB))
      return emit.node(
        'FusedMatMul',
        [a!, b!],
        { transA: BigInt(transA ? 1 : 0), transB: BigInt(transB ? 1 : 0) },
        'com.microsoft',
      )
    return emit.node('MatMul', [flip(a!, node.inputs[0]!, transA), flip(b!, node.inputs[1]!, transB)])

    function flip(name: string, operand: Node, transpose: boolean | undefined): string {
      if (!transpose) return name
      const rank = operand.shape.length
      const perm = operand.shape.map((_, i) => BigInt(i < rank - 2 ? i : 2 * rank - 3 - i))
      return emit.node('Transpose', [name], { perm })
    }
  },
})

/** Batched matrix product `op(a) op(b)` over the last two dimensions; the leading ones broadcast. */
export function matmul(a: Node, b: Node, { transA = false, transB = false }: MatmulAttributes = {}): Node {
  return apply(op, [a, b], { transA, transB })
}

function lastTwo(node: Node, transpose: boolean) {
  if (node.shape.length < 2) throw new TypeError(`matmul: expected a matrix, got ${showShape(node.shape)}`)
  const [rows, cols] = node.shape.slice(-2)
  return transpose ? ([cols!, rows!] as const) : ([rows!, cols!] as const)
}

/** The product in plain loops. */
export function multiply(
  a: NdArray,
  b: NdArray,
  { transA, transB }: MatmulAttributes,
  shape: readonly number[],
): NdArray {
  const [m, n] = shape.slice(-2) as [number, number]
  const k = a.shape.at(transA ? -2 : -1)!
  const batch = shape.slice(0, -2)
  const data = new Float64Array(product(shape))
  const [am, ak] = transA ? [1, m] : [k, 1]
  const [bk, bn] = transB ? [1, k] : [n, 1]
  const sa = strides(a.shape.slice(0, -2), batch)
  const sb = strides(b.shape.slice(0, -2), batch)
  for (let i = 0, count = product(batch); i < count; i++) {
    let rest = i
    let oa = 0
    let ob = 0
    for (let d = batch.length - 1; d >= 0; d--) {
      oa += (rest % batch[d]!) * sa[d]!
      ob += (rest % batch[d]!) * sb[d]!
      rest = Math.floor(rest / batch[d]!)
    }
    tile(a.data, oa * m * k, am!, ak!, b.data, ob * k * n, bk!, bn!, data, i * m * n, m, n, k)
  }
  return { shape, data }
}

function tile(
  a: ArrayLike<number>,
  a0: number,
  am: number,
  ak: number,
  b: ArrayLike<number>,
  b0: number,
  bk: number,
  bn: number,
  c: Float64Array,
  c0: number,
  m: number,
  n: number,
  k: number,
): void {
  for (let i = 0; i < m; i++)
    for (let j = 0; j < n; j++) {
      let sum = 0
      for (let p = 0; p < k; p++) sum += a[a0 + i * am + p * ak]! * b[b0 + p * bk + j * bn]!
      c[c0 + i * n + j] = sum
    }
}
