import type { Node } from '../graph/node.ts'
import { apply, defineOp, showShape } from '../graph/op.ts'

const op = defineOp({
  name: 'stop',
  infer: ([x]) => ({ dtype: x!.dtype, shape: x!.shape }),
  reference: ([x]) => x!,
  gradient: 'none',
  lower: (emit, [x]) => emit.node('Identity', [x!]),
})

/** x, taken as a constant: no gradient flows through. */
export const stop = (x: Node): Node => apply(op, [x])

const through = defineOp({
  name: 'straightThrough',
  infer: ([value, x]) => {
    if (String(value!.shape) !== String(x!.shape))
      throw new TypeError(`straightThrough: ${showShape(value!.shape)} in place of ${showShape(x!.shape)}`)
    return { dtype: x!.dtype, shape: x!.shape }
  },
  reference: ([value]) => value!,
  gradient: (_, given) => [undefined, given],
  lower: (emit, [value]) => emit.node('Identity', [value!]),
})

/** `value`, with the gradient of x: `x + stop(value − x)` without its rounding error (Bengio et al., 1308.3432 §4). */
export const straightThrough = (value: Node, x: Node): Node => apply(through, [value, x])
