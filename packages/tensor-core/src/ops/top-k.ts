import type { Node } from '../graph/node.ts'
import { apply, defineOp, showShape } from '../graph/op.ts'

const op = defineOp({
  name: 'topIndices',
  infer: ([x], { k }) => {
    const width = x!.shape.at(-1)
    if (typeof width === 'number' && width < (k as number))
      throw new TypeError(`topIndices: ${k} of the last dimension of ${showShape(x!.shape)}`)
    return { dtype: 'i32', shape: [...x!.shape.slice(0, -1), k as number] }
  },
  reference: ([x], _, shape) => {
    const width = x!.shape.at(-1)!
    const k = shape.at(-1)!
    if (width < k) throw new RangeError(`topIndices: ${k} of ${width}`)
    const data = new Int32Array((x!.data.length / width) * k)
    for (let row = 0; row < data.length / k; row++) {
      const values = x!.data.subarray(row * width, (row + 1) * width)
      const order = Array.from(values.keys()).sort((a, b) => values[b]! - values[a]! || a - b)
      data.set(order.slice(0, k), row * k)
    }
    return { shape, data }
  },
  gradient: 'none',
  lower: (emit, [x], node) => {
    const k = emit.constant('i64', [1], [node.attributes.k as number])
    const [, indices] = emit.nodes('TopK', [x!, k], 2, { axis: -1n, largest: 1n, sorted: 1n })
    return emit.node('Cast', [indices!], { to: 6n })
  },
})

/** Indices of the k largest elements of the last dimension, largest first; of equals the first ones. i32 `[..., k]` */
export const topIndices = (x: Node, k: number): Node => apply(op, [x], { k })
