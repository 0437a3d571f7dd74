import type { Node } from '../graph/node.ts'
import { apply, defineOp } from '../graph/op.ts'

const op = defineOp({
  name: 'softmax',
  infer: ([x]) => ({ dtype: x!.dtype, shape: x!.shape }),
  reference: ([x], _, shape) => {
    const width = shape.at(-1)!
    const data = Float64Array.from(x!.data)
    for (let row = 0; row < data.length; row += width) {
      const part = data.subarray(row, row + width)
      let max = -Infinity
      for (const value of part) if (value > max) max = value
      let sum = 0
      for (let i = 0; i < width; i++) sum += part[i] = Math.exp(part[i]! - max)
      for (let i = 0; i < width; i++) part[i]! /= sum
    }
    return { shape, data }
  },
  lower: (emit, [x]) => emit.node('Softmax', [x!], { axis: -1n }),
})

/** Over the last dimension. */
export const softmax = (x: Node): Node => apply(op, [x])
