import {
  abs,
  add,
  cast,
  div,
  erf,
  exp,
  gelu,
  geluTanh,
  input,
  log,
  logSoftmax,
  maximum,
  minimum,
  mul,
  type Node,
  neg,
  quickGelu,
  reduceMax,
  reduceMean,
  reduceSum,
  relu,
  type Shape,
  sigmoid,
  silu,
  softmax,
  sqrt,
  sub,
  tanh,
} from '../../src/index.ts'
import { type Make, normal, positive, stream } from './make.ts'

const unaryCase =
  (f: (x: Node) => Node, offset = 0): Make =>
  ({ batch, tokens, width, seed }) => ({
    y: f(stream(width)),
    wrt: { x: offset === 0 ? normal([batch, tokens, width], seed) : positive([batch, tokens, width], seed) },
  })

/** The second operand is broadcast along any of its dimensions. */
const binaryCase =
  (f: (a: Node, b: Node) => Node): Make =>
  ({ batch, tokens, width, seed }) => {
    const shapes: readonly [Shape, readonly number[]][] = [
      [
        ['batch', 'tokens', width],
        [batch, tokens, width],
      ],
      [[width], [width]],
      [
        [1, width],
        [1, width],
      ],
      [
        ['batch', 1, 1],
        [batch, 1, 1],
      ],
      [[], []],
    ]
    const [shape, actual] = shapes[seed % shapes.length]!
    return {
      y: f(stream(width), input('b', 'f32', shape)),
      wrt: { x: normal([batch, tokens, width], seed), b: positive(actual, seed + 1) },
    }
  }

const reduceCase =
  (f: (x: Node, axes: readonly number[]) => Node): Make =>
  ({ batch, tokens, width, seed }) => ({
    y: f(stream(width), [[0], [1], [-1], [0, 1], [0, 1, 2]][seed % 5]!),
    wrt: { x: normal([batch, tokens, width], seed) },
  })

/** Along no axis, or over whole ones. */
export const elementwise: Readonly<Record<string, readonly Make[]>> = {
  neg: [unaryCase(neg)],
  abs: [unaryCase(abs)],
  exp: [unaryCase(exp)],
  log: [unaryCase(log, 1)],
  sqrt: [unaryCase(sqrt, 1)],
  tanh: [unaryCase(tanh)],
  sigmoid: [unaryCase(sigmoid)],
  relu: [unaryCase(relu)],
  erf: [unaryCase(erf)],
  silu: [unaryCase(silu)],
  gelu: [unaryCase(gelu)],
  geluTanh: [unaryCase(geluTanh)],
  quickGelu: [unaryCase(quickGelu)],
  add: [binaryCase(add)],
  sub: [binaryCase(sub)],
  mul: [binaryCase(mul)],
  div: [binaryCase(div)],
  maximum: [binaryCase(maximum)],
  minimum: [binaryCase(minimum)],
  'reduce.sum': [reduceCase(reduceSum)],
  'reduce.mean': [reduceCase(reduceMean)],
  'reduce.max': [reduceCase(reduceMax)],
  softmax: [unaryCase(softmax)],
  logSoftmax: [unaryCase(logSoftmax)],
  cast: [unaryCase(x => cast(cast(x, 'f64'), 'f32'))],
}
