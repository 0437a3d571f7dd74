import type { Node } from '../graph/node.ts'
import { reshapeLike } from './like.ts'
import { reduceSum } from './reduce.ts'

/** A gradient of a broadcast operand, summed over the axes along which the operand was repeated. */
export function sumTo(x: Node, operand: Node): Node {
  const lead = x.shape.length - operand.shape.length
  const axes = x.shape.flatMap((dim, i) => (i < lead || (operand.shape[i - lead] === 1 && dim !== 1) ? [i] : []))
  const summed = axes.length > 0 ? reduceSum(x, axes) : x
  return lead > 0 ? reshapeLike(summed, operand) : summed
}
