import { input, type Node } from '../graph/node.ts'
import { linear } from '../ops/linear.ts'
import type { Tensor } from '../tensor.ts'
import type { Weight } from './weight.ts'

/** `y = x Wᵀ` with the dequantized matrix as one graph input: what a representation without a cheaper form emits. */
export function emitDense(weight: Pick<Weight, 'shape'>, x: Node, name: string): Node {
  return linear(x, input(name, 'f32', weight.shape))
}

/** The one input that `emitDense` declares. */
export function denseInputs(weight: Pick<Weight, 'dense'>, name: string): Record<string, Tensor> {
  return { [name]: weight.dense() }
}
