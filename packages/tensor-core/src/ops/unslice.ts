import type { Node } from '../graph/node.ts'
import { apply, defineOp } from '../graph/op.ts'
import { slice } from './slice.ts'
import { product } from './strides.ts'

const op = defineOp({
  name: 'unslice',
  infer: ([x, like]) => ({ dtype: x!.dtype, shape: like!.shape }),
  reference: ([x], { axis, start }, shape) => {
    const data = new Float64Array(product(shape))
    const inner = product(shape.slice((axis as number) + 1))
    const [from, to] = [x!.shape[axis as number]! * inner, shape[axis as number]! * inner]
    for (let i = 0; i < data.length / to; i++)
      data.set(x!.data.subarray(i * from, (i + 1) * from), i * to + (start as number) * inner)
    return { shape, data }
  },
  gradient: ({ inputs: [x], attributes }, given) => {
    const { axis, start } = attributes as { axis: number; start: number }
    return [slice(given, axis, start, start + (x!.shape[axis] as number))]
  },
  lower: (emit, [x], node) => {
    const { axis, start } = node.attributes as { axis: number; start: number }
    const after = (node.shape[axis] as number) - start - (node.inputs[0]!.shape[axis] as number)
    return emit.node('Pad', [
      x!,
      emit.constant('i64', [2], [start, after]),
      emit.constant('f32', [], [0]),
      emit.constant('i64', [1], [axis]),
    ])
  },
})

/** Zeros of the shape of `like` with x put at `start` of one axis of known size: the transpose of `slice`. */
export const unslice = (x: Node, like: Node, axis: number, start: number): Node => apply(op, [x, like], { axis, start })
