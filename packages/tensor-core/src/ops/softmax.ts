import type { Node } from '../graph/node.ts'
import { apply, defineOp, type NdArray } from '../graph/op.ts'
import { exp, mul, sub } from './elementwise.ts'
import { reduceSum } from './reduce.ts'

/** A copy of x with every row of its last dimension changed. @param change is given the row and its largest value */
function eachRow(x: NdArray, change: (row: Float64Array, max: number) => void): NdArray {
  const width = x.shape.at(-1)!
  const data = Float64Array.from(x.data)
  for (let start = 0; start < data.length; start += width) {
    const row = data.subarray(start, start + width)
    let max = -Infinity
    for (const value of row) if (value > max) max = value
    change(row, max)
  }
  return { shape: x.shape, data }
}

const op = defineOp({
  name: 'softmax',
  infer: ([x]) => ({ dtype: x!.dtype, shape: x!.shape }),
  reference: ([x]) =>
    eachRow(x!, (row, max) => {
      let sum = 0
      for (let i = 0; i < row.length; i++) sum += row[i] = Math.exp(row[i]! - max)
      for (let i = 0; i < row.length; i++) row[i]! /= sum
    }),
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
  reference: ([x]) =>
    eachRow(x!, (row, max) => {
      let sum = 0
      for (const value of row) sum += Math.exp(value - max)
      const shift = max + Math.log(sum)
      for (let i = 0; i < row.length; i++) row[i]! -= shift
    }),
  gradient: (y, given) => [sub(given, mul(exp(y), reduceSum(given, [-1])))],
  lower: (emit, [x]) => emit.node('LogSoftmax', [x!], { axis: -1n }),
})

/** ln softmax over the last dimension, without the loss of small probabilities. */
export const logSoftmax = (x: Node): Node => apply(logarithm, [x])
