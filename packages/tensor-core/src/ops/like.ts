import type { Node } from '../graph/node.ts'
import { apply, broadcast, defineOp, showShape } from '../graph/op.ts'
import { product, strides } from './strides.ts'
import { sumTo } from './sum-to.ts'

/** The earliest node whose shape says the same: what is asked only for its shape need not be computed. */
function shapeOf(like: Node): Node {
  const earlier = like.inputs.find(operand => String(operand.shape) === String(like.shape))
  return earlier ? shapeOf(earlier) : like
}

const expand = defineOp({
  name: 'expandLike',
  infer: ([x, like]) => {
    if (String(broadcast(x!.shape, like!.shape)) !== String(like!.shape))
      throw new TypeError(`expandLike: ${showShape(x!.shape)} does not broadcast to ${showShape(like!.shape)}`)
    return { dtype: x!.dtype, shape: like!.shape }
  },
  reference: ([x], _, shape) => {
    const data = new (x!.data.constructor as Float64ArrayConstructor)(product(shape))
    const steps = strides(x!.shape, shape)
    const index = new Array<number>(shape.length).fill(0)
    for (let i = 0; i < data.length; i++) {
      let at = 0
      for (let d = 0; d < shape.length; d++) at += index[d]! * steps[d]!
      data[i] = x!.data[at]!
      for (let d = shape.length - 1; d >= 0 && ++index[d]! === shape[d]; d--) index[d] = 0
    }
    return { shape, data }
  },
  gradient: (node, given) => [sumTo(given, node.inputs[0]!)],
  lower: (emit, [x, like]) => emit.node('Expand', [x!, emit.node('Shape', [like!])]),
})

/** x repeated to the shape of `like`, whose values do not matter. */
export const expandLike = (x: Node, like: Node): Node => apply(expand, [x, shapeOf(like)])

const reshape = defineOp({
  name: 'reshapeLike',
  infer: ([x, like]) => ({ dtype: x!.dtype, shape: like!.shape }),
  reference: ([x], _, shape) => {
    if (product(shape) !== x!.data.length)
      throw new TypeError(`reshapeLike: [${x!.shape.join(', ')}] has not as many elements as [${shape.join(', ')}]`)
    return { shape, data: x!.data }
  },
  gradient: (node, given) => [reshapeLike(given, node.inputs[0]!)],
  lower: (emit, [x, like]) => emit.node('Reshape', [x!, emit.node('Shape', [like!])]),
})

/** The elements of x in the shape of `like`, whose values do not matter. */
export const reshapeLike = (x: Node, like: Node): Node => apply(reshape, [x, shapeOf(like)])

const size = defineOp({
  name: 'extent',
  infer: () => ({ dtype: 'f32', shape: [] }),
  reference: ([x], { axes }) => ({
    shape: [],
    data: Float64Array.of((axes as readonly number[]).reduce((n, axis) => n * x!.shape[axis]!, 1)),
  }),
  gradient: 'none',
  lower: (emit, [x], node) => {
    const axes = node.attributes.axes as readonly number[]
    const sizes = emit.node('Gather', [emit.node('Shape', [x!]), emit.constant('i64', [axes.length], axes)])
    return emit.node('Cast', [emit.node('ReduceProd', [sizes], { keepdims: 0n })], { to: 1n })
  },
})

/** How many elements x has along some axes: an f32 scalar, known when the graph runs. */
export const extent = (x: Node, axes: readonly number[]): Node => apply(size, [x], { axes })
