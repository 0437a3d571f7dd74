import type { Node } from '../graph/node.ts'
import { apply, defineOp, type OnnxEmitter, showShape } from '../graph/op.ts'
import { gather } from './gather.ts'
import { product } from './strides.ts'
import { takeAlong } from './take-along.ts'

const zeros = (emit: OnnxEmitter, like: string) =>
  emit.node('Expand', [emit.constant('f32', [], [0]), emit.node('Shape', [like])])
const ints = (emit: OnnxEmitter, ...values: number[]) => emit.constant('i64', [values.length], values)

const rows = defineOp({
  name: 'scatterRows',
  infer: ([updates, indices, like]) => {
    const [, ...width] = like!.shape
    if (String(updates!.shape) !== String([...indices!.shape, ...width]))
      throw new TypeError(
        `scatterRows: updates ${showShape(updates!.shape)} are not ${showShape([...indices!.shape, ...width])}`,
      )
    return { dtype: updates!.dtype, shape: like!.shape }
  },
  reference: ([updates, indices], _, shape) => {
    const data = new Float64Array(product(shape))
    const width = product(shape.slice(1))
    for (const [i, row] of indices!.data.entries())
      for (let c = 0; c < width; c++) data[row * width + c]! += updates!.data[i * width + c]!
    return { shape, data }
  },
  gradient: (node, given) => [gather(given, node.inputs[1]!)],
  // ScatterElements adds one update after the other, so equal indices give equal sums in every run.
  lower: (emit, [updates, indices, like], node) => {
    const width = product(node.shape.slice(1).map(Number))
    const table = emit.node('Reshape', [zeros(emit, like!), ints(emit, -1, width)])
    const flat = emit.node('Reshape', [updates!, ints(emit, -1, width)])
    const column = emit.node('Reshape', [indices!, ints(emit, -1, 1)])
    const where = emit.node('Expand', [column, emit.node('Shape', [flat])])
    const sum = emit.node('ScatterElements', [table, where, flat], { axis: 0n, reduction: 'add' })
    return emit.node('Reshape', [sum, emit.node('Shape', [like!])])
  },
})

/** Zeros of the shape of `like` `[n, ...]` with rows added to it: `updates` `[indices..., ...]`. The transpose of `gather` on axis 0. */
export const scatterRows = (updates: Node, indices: Node, like: Node): Node => apply(rows, [updates, indices, like])

const along = defineOp({
  name: 'scatterAlong',
  infer: ([updates, indices, like]) => {
    if (String(updates!.shape) !== String(indices!.shape))
      throw new TypeError(`scatterAlong: updates ${showShape(updates!.shape)}, indices ${showShape(indices!.shape)}`)
    return { dtype: updates!.dtype, shape: like!.shape }
  },
  reference: ([updates, indices], _, shape) => {
    const data = new Float64Array(product(shape))
    const width = shape.at(-1)!
    const count = updates!.shape.at(-1)!
    for (let i = 0; i < updates!.data.length; i++)
      data[Math.floor(i / count) * width + indices!.data[i]!]! += updates!.data[i]!
    return { shape, data }
  },
  gradient: (node, given) => [takeAlong(given, node.inputs[1]!)],
  lower: (emit, [updates, indices, like]) =>
    emit.node('ScatterElements', [zeros(emit, like!), indices!, updates!], { axis: -1n, reduction: 'add' }),
})

/** Zeros of the shape of `like` `[..., n]` with elements added along the last dimension. The transpose of `takeAlong`. */
export const scatterAlong = (updates: Node, indices: Node, like: Node): Node => apply(along, [updates, indices, like])
