import { type DType, isFloat } from '../dtype.ts'
import type { Node } from '../graph/node.ts'
import { apply, defineOp } from '../graph/op.ts'
import { onnxTypes } from '../onnx/types.ts'

const op = defineOp({
  name: 'cast',
  infer: ([x], { to }) => ({ dtype: to as DType, shape: x!.shape }),
  reference: ([x], { to }, shape) => ({
    shape,
    data: isFloat(to as DType) ? Float64Array.from(x!.data) : Int32Array.from(x!.data, Math.trunc),
  }),
  gradient: (node, given) => [isFloat(node.inputs[0]!.dtype) ? cast(given, node.inputs[0]!.dtype) : undefined],
  lower: (emit, [x], node) => emit.node('Cast', [x!], { to: BigInt(onnxTypes[node.dtype]!) }),
})

/** Converts the element type. */
export const cast = (x: Node, to: DType): Node => (x.dtype === to ? x : apply(op, [x], { to }))
