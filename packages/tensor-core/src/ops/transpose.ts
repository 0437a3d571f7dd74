import type { Node } from '../graph/node.ts'
import { apply, defineOp } from '../graph/op.ts'
import { product, strides } from './strides.ts'

const op = defineOp({
  name: 'transpose',
  infer: ([x], { perm }) => ({ dtype: x!.dtype, shape: (perm as readonly number[]).map(axis => x!.shape[axis]!) }),
  reference: ([x], { perm }, shape) => {
    const from = strides(x!.shape)
    const steps = (perm as readonly number[]).map(axis => from[axis]!)
    const data = new (x!.data.constructor as Float64ArrayConstructor)(product(shape))
    const index = new Array<number>(shape.length).fill(0)
    for (let i = 0; i < data.length; i++) {
      let at = 0
      for (let d = 0; d < shape.length; d++) at += index[d]! * steps[d]!
      data[i] = x!.data[at]!
      for (let d = shape.length - 1; d >= 0 && ++index[d]! === shape[d]; d--) index[d] = 0
    }
    return { shape, data }
  },
  gradient: ({ attributes }, given) => {
    const perm = attributes.perm as readonly number[]
    return [
      transpose(
        given,
        perm.map((_, i) => perm.indexOf(i)),
      ),
    ]
  },
  lower: (emit, [x], node) =>
    emit.node('Transpose', [x!], { perm: (node.attributes.perm as readonly number[]).map(BigInt) }),
})

/** Reorders dimensions: result dimension i is dimension `perm[i]` of x. */
export const transpose = (x: Node, perm: readonly number[]): Node => apply(op, [x], { perm })
