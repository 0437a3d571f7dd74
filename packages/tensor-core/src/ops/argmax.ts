import type { Node } from '../graph/node.ts'
import { apply, defineOp } from '../graph/op.ts'

const op = defineOp({
  name: 'argmax',
  infer: ([x]) => ({ dtype: 'i32', shape: [...x!.shape.slice(0, -1), 1] }),
  reference: ([x], _, shape) => {
    const width = x!.shape.at(-1)!
    if (width === 0) throw new RangeError('argmax: the last dimension is empty')
    const data = new Int32Array(x!.data.length / width)
    for (let row = 0; row < data.length; row++) {
      let best = 0
      for (let i = 1; i < width; i++) if (x!.data[row * width + i]! > x!.data[row * width + best]!) best = i
      data[row] = best
    }
    return { shape, data }
  },
  gradient: 'none',
  lower: (emit, [x]) => {
    const index = emit.node('ArgMax', [x!], { axis: -1n, keepdims: 1n })
    return emit.node('Cast', [index], { to: 6n })
  },
})

/** Index of the largest element of the last dimension, which stays as 1; the first of equals. i32 */
export const argmax = (x: Node): Node => apply(op, [x])
