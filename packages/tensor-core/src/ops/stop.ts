import type { Node } from '../graph/node.ts'
import { apply, defineOp } from '../graph/op.ts'

const op = defineOp({
  name: 'stop',
  infer: ([x]) => ({ dtype: x!.dtype, shape: x!.shape }),
  reference: ([x]) => x!,
  gradient: 'none',
  lower: (emit, [x]) => emit.node('Identity', [x!]),
})

/** x, taken as a constant: no gradient flows through. `x + stop(q(x) − x)` is q(x) with the gradient of x (straight through). */
export const stop = (x: Node): Node => apply(op, [x])
