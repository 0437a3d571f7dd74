import type { Node } from '../graph/node.ts'
import { apply, defineOp, showShape } from '../graph/op.ts'
import { product } from './strides.ts'
import { unslice } from './unslice.ts'

const op = defineOp({
  name: 'slice',
  infer: ([x], { axis, start, end }) => {
    const dim = x!.shape[axis as number]
    if (typeof dim !== 'number' || (end as number) > dim || (start as number) >= (end as number))
      throw new TypeError(`slice ${start}…${end} of axis ${axis}: shape is ${showShape(x!.shape)}`)
    return { dtype: x!.dtype, shape: x!.shape.map((d, i) => (i === axis ? (end as number) - (start as number) : d)) }
  },
  reference: ([x], { axis, start }, shape) => {
    const data = new (x!.data.constructor as Float64ArrayConstructor)(product(shape))
    const inner = product(shape.slice((axis as number) + 1))
    const from = x!.shape[axis as number]! * inner
    const to = shape[axis as number]! * inner
    for (let i = 0; i < data.length / to; i++) {
      const at = i * from + (start as number) * inner
      data.set(x!.data.subarray(at, at + to) as Float64Array, i * to)
    }
    return { shape, data }
  },
  gradient: ({ inputs: [x], attributes }, given) => [
    unslice(given, x!, attributes.axis as number, attributes.start as number),
  ],
  lower: (emit, [x], node) => {
    const { axis, start, end } = node.attributes as { axis: number; start: number; end: number }
    const one = (value: number) => emit.constant('i64', [1], [value])
    return emit.node('Slice', [x!, one(start), one(end), one(axis)])
  },
})

/** Elements `start … end` (end excluded) along one axis of known size; a negative axis counts from the end. */
export function slice(x: Node, axis: number, start: number, end: number): Node {
  return apply(op, [x], { axis: axis < 0 ? axis + x.shape.length : axis, start, end })
}
