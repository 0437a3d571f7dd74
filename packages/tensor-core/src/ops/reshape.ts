import type { Node, Shape } from '../graph/node.ts'
import { apply, defineOp, showShape } from '../graph/op.ts'
import { reshapeLike } from './like.ts'

/** The target as ONNX writes it: 0 keeps the operand's dimension, one −1 is worked out. */
function onnxShape(from: Shape, to: Shape): number[] {
  const out = to.map((dim, i) => (typeof dim === 'number' ? dim : from[i] === dim ? 0 : -1))
  if (out.filter(dim => dim === -1).length > 1)
    throw new TypeError(`reshape ${showShape(from)} → ${showShape(to)}: more than one named dimension moves`)
  return out
}

/** Numbers and names must be the same on both sides, both as factors: `3*tokens` is 3 and `tokens`. */
function sameElements(from: Shape, to: Shape): boolean {
  const factors = (shape: Shape) => shape.flatMap(dim => String(dim).split('*'))
  const isNumber = (factor: string) => /^\d+$/.test(factor)
  const names = (shape: Shape) =>
    factors(shape)
      .filter(factor => !isNumber(factor))
      .sort()
      .join()
  const count = (shape: Shape) =>
    factors(shape)
      .filter(isNumber)
      .reduce((n, factor) => n * Number(factor), 1)
  return names(from) === names(to) && count(from) === count(to)
}

const op = defineOp({
  name: 'reshape',
  infer: ([x], { shape }) => {
    const to = decode(shape as string)
    if (!sameElements(x!.shape, to))
      throw new TypeError(`reshape ${showShape(x!.shape)} → ${showShape(to)}: sizes differ`)
    return { dtype: x!.dtype, shape: to }
  },
  reference: ([x], _, shape) => ({ shape, data: x!.data }),
  gradient: ({ inputs: [x] }, given) => [reshapeLike(given, x!)],
  lower: (emit, [x], node) => {
    const to = onnxShape(node.inputs[0]!.shape, node.shape)
    return emit.node('Reshape', [x!, emit.constant('i64', [to.length], to)])
  },
})

const decode = (text: string): Shape => JSON.parse(text) as Shape

/** The same elements in another shape. At most one named dimension may move; `'batch*tokens'` merges two into one, `'3*tokens'` a number and a name. */
export const reshape = (x: Node, shape: Shape): Node => apply(op, [x], { shape: JSON.stringify(shape) })
