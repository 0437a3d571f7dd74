import type { Node } from '../graph/node.ts'
import { apply, defineOp } from '../graph/op.ts'

const op = defineOp({
  name: 'constant',
  infer: () => ({ dtype: 'f32', shape: [] }),
  reference: (_, { value }) => ({ shape: [], data: Float64Array.of(value as number) }),
  gradient: 'none',
  lower: (emit, _, node) => emit.constant('f32', [], [node.attributes.value as number]),
})

/** An f32 scalar known when the graph is traced. */
export const constant = (value: number): Node => apply(op, [], { value })
