import type { Node } from '../graph/node.ts'
import { apply, defineOp, showShape } from '../graph/op.ts'
import { scatterAlong } from './scatter.ts'
import { product } from './strides.ts'

const op = defineOp({
  name: 'takeAlong',
  infer: ([x, indices]) => {
    if (indices!.dtype !== 'i32' && indices!.dtype !== 'i64')
      throw new TypeError(`takeAlong: indices must be i32 or i64, got ${indices!.dtype}`)
    const lead = indices!.shape.slice(0, -1)
    if (lead.length !== x!.shape.length - 1 || lead.some((dim, i) => dim !== x!.shape[i]))
      throw new TypeError(`takeAlong: x ${showShape(x!.shape)} and indices ${showShape(indices!.shape)} do not fit`)
    return { dtype: x!.dtype, shape: indices!.shape }
  },
  reference: ([x, indices], _, shape) => {
    const width = x!.shape.at(-1)!
    const count = shape.at(-1)!
    const data = new (x!.data.constructor as Float64ArrayConstructor)(product(shape))
    for (let i = 0; i < data.length; i++) {
      const index = indices!.data[i]!
      if (index < 0 || index >= width) throw new RangeError(`takeAlong: index ${index} is outside 0…${width - 1}`)
      data[i] = x!.data[Math.floor(i / count) * width + index]!
    }
    return { shape, data }
  },
  gradient: ({ inputs: [x, indices] }, given) => [scatterAlong(given, indices!, x!)],
  lower: (emit, inputs) => emit.node('GatherElements', inputs, { axis: -1n }),
})

/** Elements of the last dimension by index, row by row: x `[..., n]`, indices `[..., k]`, result `[..., k]`. */
export const takeAlong = (x: Node, indices: Node): Node => apply(op, [x, indices])
