import type { Node } from '../graph/node.ts'
import { apply, broadcast, defineOp, type NdArray, type Op } from '../graph/op.ts'
import { strides } from './strides.ts'

/** Unary functions: the meaning, and the ONNX node that has it. */
interface UnaryRow {
  readonly f: (x: number) => number
  readonly onnx: string
  readonly domain?: 'com.microsoft'
  readonly attributes?: Readonly<Record<string, number | string>>
}

const unaryTable = {
  neg: { f: x => -x, onnx: 'Neg' },
  abs: { f: Math.abs, onnx: 'Abs' },
  exp: { f: Math.exp, onnx: 'Exp' },
  log: { f: Math.log, onnx: 'Log' },
  sqrt: { f: Math.sqrt, onnx: 'Sqrt' },
  tanh: { f: Math.tanh, onnx: 'Tanh' },
  sigmoid: { f: x => 1 / (1 + Math.exp(-x)), onnx: 'Sigmoid' },
  relu: { f: x => Math.max(x, 0), onnx: 'Relu' },
  /** Rounds half to even. */
  round: { f: roundHalfToEven, onnx: 'Round' },
  /** x·sigmoid(x). */
  silu: { f: x => x / (1 + Math.exp(-x)), onnx: 'QuickGelu', domain: 'com.microsoft', attributes: { alpha: 1 } },
  /** Exact: x·Φ(x). */
  gelu: { f: x => 0.5 * x * (1 + erf(x / Math.SQRT2)), onnx: 'Gelu', attributes: { approximate: 'none' } },
  /** The tanh form that checkpoints call gelu_new and gelu_pytorch_tanh. */
  geluTanh: { f: geluTanhValue, onnx: 'Gelu', attributes: { approximate: 'tanh' } },
  /** x·sigmoid(1.702 x). */
  quickGelu: {
    f: x => x / (1 + Math.exp(-1.702 * x)),
    onnx: 'QuickGelu',
    domain: 'com.microsoft',
    attributes: { alpha: 1.702 },
  },
} satisfies Record<string, UnaryRow>

type UnaryName = keyof typeof unaryTable

function roundHalfToEven(x: number): number {
  const r = Math.round(x)
  return Math.abs(x % 1) === 0.5 && r % 2 !== 0 ? r - 1 : r
}

function geluTanhValue(x: number): number {
  return 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)))
}

/** Error function to about 1e-15: series near zero, continued fraction in the tail. */
function erf(x: number): number {
  const a = Math.abs(x)
  if (a > 6) return Math.sign(x)
  if (a < 2.5) {
    let term = a
    let sum = a
    for (let n = 1; n < 80; n++) {
      term *= (-a * a) / n
      sum += term / (2 * n + 1)
    }
    return (Math.sign(x) * 2 * sum) / Math.sqrt(Math.PI)
  }
  let fraction = 0
  for (let n = 60; n > 0; n--) fraction = n / 2 / (a + fraction)
  return Math.sign(x) * (1 - Math.exp(-a * a) / (Math.sqrt(Math.PI) * (a + fraction)))
}

const unaryOps = Object.fromEntries(
  Object.entries(unaryTable).map(([name, row]: [string, UnaryRow]) => [
    name,
    defineOp({
      name,
      infer: ([x]) => ({ dtype: x!.dtype, shape: x!.shape }),
      reference: ([x], _, shape) => ({ shape, data: Float64Array.from(x!.data, row.f) }),
      lower: (emit, [x]) => emit.node(row.onnx, [x!], row.attributes, row.domain),
    }),
  ]),
) as Record<UnaryName, Op>

const unary =
  (name: UnaryName) =>
  (x: Node): Node =>
    apply(unaryOps[name], [x])

export const neg: (x: Node) => Node = unary('neg')
export const abs: (x: Node) => Node = unary('abs')
export const exp: (x: Node) => Node = unary('exp')
export const log: (x: Node) => Node = unary('log')
export const sqrt: (x: Node) => Node = unary('sqrt')
export const tanh: (x: Node) => Node = unary('tanh')
export const sigmoid: (x: Node) => Node = unary('sigmoid')
export const relu: (x: Node) => Node = unary('relu')
export const round: (x: Node) => Node = unary('round')
export const silu: (x: Node) => Node = unary('silu')
export const gelu: (x: Node) => Node = unary('gelu')
export const geluTanh: (x: Node) => Node = unary('geluTanh')
export const quickGelu: (x: Node) => Node = unary('quickGelu')

const binaryTable = {
  add: { f: (a, b) => a + b, onnx: 'Add' },
  sub: { f: (a, b) => a - b, onnx: 'Sub' },
  mul: { f: (a, b) => a * b, onnx: 'Mul' },
  div: { f: (a, b) => a / b, onnx: 'Div' },
  maximum: { f: Math.max, onnx: 'Max' },
  minimum: { f: Math.min, onnx: 'Min' },
} satisfies Record<string, { f: (a: number, b: number) => number; onnx: string }>

type BinaryName = keyof typeof binaryTable

const binaryOps = Object.fromEntries(
  Object.entries(binaryTable).map(([name, row]) => [
    name,
    defineOp({
      name,
      infer: ([a, b]) => {
        if (a!.dtype !== b!.dtype) throw new TypeError(`${name}: operands are ${a!.dtype} and ${b!.dtype}; cast one`)
        return { dtype: a!.dtype, shape: broadcast(a!.shape, b!.shape) }
      },
      reference: ([a, b], _, shape) => combine(a!, b!, shape, row.f),
      lower: (emit, inputs) => emit.node(row.onnx, inputs),
    }),
  ]),
) as Record<BinaryName, Op>

const binary =
  (name: BinaryName) =>
  (a: Node, b: Node): Node =>
    apply(binaryOps[name], [a, b])

/** Broadcasts as numpy does, like the five below it. */
export const add: (a: Node, b: Node) => Node = binary('add')
export const sub: (a: Node, b: Node) => Node = binary('sub')
export const mul: (a: Node, b: Node) => Node = binary('mul')
export const div: (a: Node, b: Node) => Node = binary('div')
export const maximum: (a: Node, b: Node) => Node = binary('maximum')
export const minimum: (a: Node, b: Node) => Node = binary('minimum')

function combine(a: NdArray, b: NdArray, shape: readonly number[], f: (a: number, b: number) => number): NdArray {
  const data = new Float64Array(shape.reduce((n, d) => n * d, 1))
  const sa = strides(a.shape, shape)
  const sb = strides(b.shape, shape)
  const index = new Array<number>(shape.length).fill(0)
  let ia = 0
  let ib = 0
  for (let i = 0; i < data.length; i++) {
    data[i] = f(a.data[ia]!, b.data[ib]!)
    for (let d = shape.length - 1; d >= 0; d--) {
      ia += sa[d]!
      ib += sb[d]!
      if (++index[d]! < shape[d]!) break
      ia -= sa[d]! * shape[d]!
      ib -= sb[d]! * shape[d]!
      index[d] = 0
    }
  }
  return { shape, data }
}
