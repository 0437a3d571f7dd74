import type { Node } from '../graph/node.ts'
import { apply, defineOp } from '../graph/op.ts'
import { scatterRows } from './scatter.ts'
import { product } from './strides.ts'

const op = defineOp({
  name: 'gather',
  infer: ([x, indices], { axis }) => {
    if (indices!.dtype !== 'i32' && indices!.dtype !== 'i64')
      throw new TypeError(`gather: indices must be i32 or i64, got ${indices!.dtype}`)
    const a = axis as number
    return { dtype: x!.dtype, shape: [...x!.shape.slice(0, a), ...indices!.shape, ...x!.shape.slice(a + 1)] }
  },
  reference: ([x, indices], { axis }, shape) => {
    const data = new (x!.data.constructor as Float64ArrayConstructor)(product(shape))
    const count = x!.shape[axis as number]!
    const inner = product(x!.shape.slice((axis as number) + 1))
    for (let o = 0, at = 0; at < data.length; o++)
      for (const index of indices!.data) {
        if (index < 0 || index >= count) throw new RangeError(`gather: index ${index} is outside 0…${count - 1}`)
        const from = (o * count + index) * inner
        data.set(x!.data.subarray(from, from + inner) as Float64Array, at)
        at += inner
      }
    return { shape, data }
  },
  gradient: ({ inputs: [x, indices], attributes }, given) => {
    if (attributes.axis !== 0) throw new TypeError(`gather: a gradient only along axis 0, not ${attributes.axis}`)
    return [scatterRows(given, indices!, x!)]
  },
  lower: (emit, inputs, node) => emit.node('Gather', inputs, { axis: BigInt(node.attributes.axis as number) }),
})

/** Rows (or columns) of x by index: `gather(table [V, D], ids [B, T])` is `[B, T, D]`. */
export const gather = (x: Node, indices: Node, axis = 0): Node => apply(op, [x, indices], { axis })
