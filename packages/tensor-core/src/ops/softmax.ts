import type { Node } from '../graph/node.ts'
import { apply, defineOp } from '../graph/op.ts'
import { exp, mul, sub } from './elementwise.ts'
import { reduceSum } from './reduce.ts'

const op = defineOp({
  name: 'softmax',
  infer: ([x]) => ({ dtype: x!.dtype, shape: x!.shape }),
  reference: ([x], _, shape) => {
    const width = shape.at(-1)!
    const data = Float64Array.from(x!.data)
    for (let row = 0; row < data.length; row += width) {
      const part = data.subarray(row, row + width)
      let max = -Infinity
      for (const value of part) if (value > max) max = value
      let sum = 0
      for (let i = 0; i < width; i++) sum += part[i] = Math.exp(part[i]! - max)
      for (let i = 0; i < width; i++) part[i]! /= sum
    }
    return { shape, data }
  },
  gradient: (y, given) => {
    const weighted = mul(given, y)
    return [sub(weighted, mul(y, reduceSum(weighted, [-1])))]
  },
  lower: (emit, [x]) => emit.node('Softmax', [x!], { axis: -1n }),
})

/** Over the last dimension. */
export const softmax = (x: Node): Node => apply(op, [x])

const logarithm = defineOp({
  name: 'logSoftmax',
  infer: ([x]) => ({ dtype: x!.dtype, shape: x!.shape }),
  reference: ([x], _, shape) => {
    const width = shape.at(-1)!
    const data = Float64Array.from(x!.data)
    for (let row = 0; row < data.length; row += width) {
      const part = data.subarray(row, row + width)
      let max = -Infinity
      for (const value of part) if (value > max) max = value
      let sum = 0
      for (const value of part) sum += Math.exp(value - max)
      const shift = max + Math.log(sum)
      for (let i = 0; i < width; i++) part[i]! -= shift
    }
    return { shape, data }
  },
  gradient: (y, given) => [sub(given, mul(exp(y), reduceSum(given, [-1])))],
  lower: (emit, [x]) => emit.node('LogSoftmax', [x!], { axis: -1n }),
})

/** ln softmax over the last dimension, without the loss of small probabilities. */
export const logSoftmax = (x: Node): Node => apply(logarithm, [x])
