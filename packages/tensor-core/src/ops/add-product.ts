import type { Node } from '../graph/node.ts'
import { apply, defineOp, type GradientRule, opOf, showShape } from '../graph/op.ts'
import { add } from './elementwise.ts'
import { matmul, multiply } from './matmul.ts'

interface Flips {
  readonly transA: boolean
  readonly transB: boolean
}

const op = defineOp({
  name: 'addProduct',
  infer: ([c, a, b], { transA, transB }) => {
    const product = matmul(a!, b!, { transA: transA === true, transB: transB === true })
    if (String(product.shape) !== String(c!.shape) || product.dtype !== c!.dtype)
      throw new TypeError(`addProduct: ${showShape(c!.shape)} and a product ${showShape(product.shape)} do not fit`)
    return { dtype: c!.dtype, shape: c!.shape }
  },
  reference: ([c, a, b], attributes, shape) => {
    const { data } = multiply(a!, b!, attributes as unknown as Flips, shape) as { data: Float64Array }
    for (let i = 0; i < data.length; i++) data[i]! += c!.data[i]!
    return { shape, data }
  },
  gradient: ({ inputs: [_, a, b], attributes }, given, wants) => {
    const product = matmul(a!, b!, attributes as unknown as Flips)
    const rule = opOf(product.op).gradient as GradientRule
    return [given, ...rule(product, given, wants.slice(1))]
  },
  // One buffer for the result, where a product and a sum would take another.
  lower: (emit, [c, a, b], node) => {
    const { transA, transB } = node.attributes as unknown as Flips
    return emit.node('Gemm', [a!, b!, c!], { transA: BigInt(transA ? 1 : 0), transB: BigInt(transB ? 1 : 0) })
  },
})

/** sum + x; a matrix product is added as it is made. */
export function addTo(sum: Node, x: Node): Node {
  const isMatrix = x.op === 'matmul' && x.inputs.every(operand => operand.shape.length === 2)
  return isMatrix ? apply(op, [sum, ...x.inputs], x.attributes) : add(sum, x)
}
