import type { Node } from '../graph/node.ts'
import { apply, defineOp, type GradientRule, type NdArray, type Op } from '../graph/op.ts'
import { div, equal, mul } from './elementwise.ts'
import { expandLike, extent } from './like.ts'
import { product } from './strides.ts'

interface ReduceRow {
  readonly onnx: string
  readonly start: number
  readonly f: (a: number, x: number) => number
  readonly gradient: GradientRule
}

const plus = (a: number, x: number) => a + x

const rows = {
  sum: { onnx: 'ReduceSum', start: 0, f: plus, gradient: ({ inputs: [x] }, given) => [expandLike(given, x!)] },
  mean: {
    onnx: 'ReduceMean',
    start: 0,
    f: plus,
    gradient: ({ inputs: [x], attributes }, given) => [
      expandLike(div(given, extent(x!, attributes.axes as readonly number[])), x!),
    ],
  },
  max: {
    onnx: 'ReduceMax',
    start: -Infinity,
    f: Math.max,
    // Equal maxima share it.
    gradient: (y, given) => {
      const [x] = y.inputs as [Node]
      const winners = equal(x, y)
      return [mul(winners, div(given, reduceSum(winners, y.attributes.axes as readonly number[])))]
    },
  },
} satisfies Record<string, ReduceRow>

type ReduceName = keyof typeof rows

const ops = Object.fromEntries(
  Object.entries(rows).map(([name, row]: [string, ReduceRow]) => [
    name,
    defineOp({
      name: `reduce.${name}`,
      infer: ([x], { axes }) => ({
        dtype: x!.dtype,
        shape: x!.shape.map((dim, i) => ((axes as readonly number[]).includes(i) ? 1 : dim)),
      }),
      reference: ([x], _, shape) => reduce(x!, shape, name as ReduceName),
      gradient: row.gradient,
      lower: (emit, [x], node) => {
        const axes = node.attributes.axes as readonly number[]
        return emit.node(row.onnx, [x!, emit.constant('i64', [axes.length], axes)], { keepdims: 1n })
      },
    }),
  ]),
) as Record<ReduceName, Op>

const reducer =
  (name: ReduceName) =>
  (x: Node, axes: readonly number[]): Node =>
    apply(ops[name], [x], { axes: axes.map(axis => (axis < 0 ? axis + x.shape.length : axis)) })

/** Over the given axes, which stay as dimensions of 1; negative axes count from the end. */
export const reduceSum: (x: Node, axes: readonly number[]) => Node = reducer('sum')
export const reduceMean: (x: Node, axes: readonly number[]) => Node = reducer('mean')
export const reduceMax: (x: Node, axes: readonly number[]) => Node = reducer('max')

function reduce(x: NdArray, shape: readonly number[], name: ReduceName): NdArray {
  const data = new Float64Array(product(shape)).fill(rows[name].start)
  const index = new Array<number>(shape.length).fill(0)
  for (let i = 0; i < x.data.length; i++) {
    let at = 0
    for (let d = 0; d < shape.length; d++) at = at * shape[d]! + (shape[d] === 1 ? 0 : index[d]!)
    data[at] = rows[name].f(data[at]!, x.data[i]!)
    for (let d = shape.length - 1; d >= 0 && ++index[d]! === x.shape[d]; d--) index[d] = 0
  }
  if (name === 'mean') for (let i = 0; i < data.length; i++) data[i]! /= x.data.length / data.length
  return { shape, data }
}
