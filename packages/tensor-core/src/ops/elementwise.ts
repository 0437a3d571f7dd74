import type { Node } from '../graph/node.ts'
import { apply, broadcast, defineOp, type NdArray, type Op } from '../graph/op.ts'
import { onnxTypes } from '../onnx/types.ts'
import { constant } from './constant.ts'
import { expandLike } from './like.ts'
import { strides } from './strides.ts'
import { sumTo } from './sum-to.ts'

/** Unary functions: the meaning, the slope, and the ONNX node that has it. */
interface UnaryRow {
  readonly f: (x: number) => number
  /** dy/dx as a node; absent: 0 wherever it exists. */
  readonly slope?: (x: Node, y: Node) => Node
  readonly onnx: string
  readonly domain?: 'com.microsoft'
  readonly attributes?: Readonly<Record<string, number | string>>
}

const c = constant
const complement = (y: Node) => sub(c(1), y)
/** Slope of x·sigmoid(αx). */
function gatedSlope(x: Node, alpha: number): Node {
  const s = sigmoid(mul(x, c(alpha)))
  return mul(s, add(c(1), mul(mul(x, c(alpha)), complement(s))))
}

const unaryTable = {
  neg: { f: x => -x, slope: () => c(-1), onnx: 'Neg' },
  abs: { f: Math.abs, slope: x => sign(x), onnx: 'Abs' },
  /** −1, 0 or 1. */
  sign: { f: Math.sign, onnx: 'Sign' },
  exp: { f: Math.exp, slope: (_, y) => y, onnx: 'Exp' },
  log: { f: Math.log, slope: x => div(c(1), x), onnx: 'Log' },
  sqrt: { f: Math.sqrt, slope: (_, y) => div(c(0.5), y), onnx: 'Sqrt' },
  tanh: { f: Math.tanh, slope: (_, y) => complement(mul(y, y)), onnx: 'Tanh' },
  sigmoid: { f: x => 1 / (1 + Math.exp(-x)), slope: (_, y) => mul(y, complement(y)), onnx: 'Sigmoid' },
  relu: { f: x => Math.max(x, 0), slope: x => greater(x, c(0)), onnx: 'Relu' },
  erf: {
    f: erfValue,
    slope: x => mul(c(2 / Math.sqrt(Math.PI)), exp(neg(mul(x, x)))),
    onnx: 'Erf',
  },
  /** Rounds half to even. */
  round: { f: roundHalfToEven, onnx: 'Round' },
  /** x·sigmoid(x). */
  silu: {
    f: x => x / (1 + Math.exp(-x)),
    slope: x => gatedSlope(x, 1),
    onnx: 'QuickGelu',
    domain: 'com.microsoft',
    attributes: { alpha: 1 },
  },
  /** Exact: x·Φ(x). */
  gelu: {
    f: x => 0.5 * x * (1 + erfValue(x / Math.SQRT2)),
    // Φ(x) + x φ(x)
    slope: x =>
      add(
        mul(c(0.5), add(c(1), erf(mul(x, c(Math.SQRT1_2))))),
        mul(mul(x, c(1 / Math.sqrt(2 * Math.PI))), exp(mul(c(-0.5), mul(x, x)))),
      ),
    onnx: 'Gelu',
    attributes: { approximate: 'none' },
  },
  /** The tanh form that checkpoints call gelu_new and gelu_pytorch_tanh. */
  geluTanh: { f: geluTanhValue, slope: geluTanhSlope, onnx: 'Gelu', attributes: { approximate: 'tanh' } },
  /** x·sigmoid(1.702 x). */
  quickGelu: {
    f: x => x / (1 + Math.exp(-1.702 * x)),
    slope: x => gatedSlope(x, 1.702),
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

function geluTanhSlope(x: Node): Node {
  const k = Math.sqrt(2 / Math.PI)
  const square = mul(x, x)
  const t = tanh(mul(mul(c(k), x), add(c(1), mul(c(0.044715), square))))
  const inner = add(c(k), mul(c(3 * 0.044715 * k), square))
  return mul(c(0.5), add(add(c(1), t), mul(mul(x, complement(mul(t, t))), inner)))
}

/** Error function to about 1e-15: series near zero, continued fraction in the tail. */
function erfValue(x: number): number {
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
      gradient: row.slope ? (y, given) => [times(given, row.slope!(y.inputs[0]!, y))] : 'none',
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
export const sign: (x: Node) => Node = unary('sign')
export const exp: (x: Node) => Node = unary('exp')
export const log: (x: Node) => Node = unary('log')
export const sqrt: (x: Node) => Node = unary('sqrt')
export const tanh: (x: Node) => Node = unary('tanh')
export const sigmoid: (x: Node) => Node = unary('sigmoid')
export const relu: (x: Node) => Node = unary('relu')
export const erf: (x: Node) => Node = unary('erf')
export const round: (x: Node) => Node = unary('round')
export const silu: (x: Node) => Node = unary('silu')
export const gelu: (x: Node) => Node = unary('gelu')
export const geluTanh: (x: Node) => Node = unary('geluTanh')
export const quickGelu: (x: Node) => Node = unary('quickGelu')

type BinaryPart = (given: Node, a: Node, b: Node, y: Node) => Node

interface BinaryRow {
  readonly f: (a: number, b: number) => number
  readonly onnx: string
  /** What each operand gets of the gradient, before it is summed to its shape; absent: nothing. */
  readonly gradient?: readonly [BinaryPart, BinaryPart]
  /** ONNX gives a bool, which becomes 0 or 1. */
  readonly compares?: true
}

/**
 * A gradient times a factor. One that only repeats a smaller tensor, as that of a sum does, is multiplied while it is small, or
 * broadcast by the product itself.
 */
function times(given: Node, factor: Node): Node {
  const [small, like] = given.op === 'expandLike' ? given.inputs : []
  if (!small) return mul(given, factor)
  const product = mul(small, factor)
  return String(product.shape) === String(given.shape) ? product : expandLike(product, like!)
}

/** 1 where a wins, ½ where the two are equal. */
const wins = (a: Node, b: Node) => add(greater(a, b), mul(c(0.5), equal(a, b)))

const binaryTable = {
  add: { f: (a, b) => a + b, onnx: 'Add', gradient: [g => g, g => g] },
  sub: { f: (a, b) => a - b, onnx: 'Sub', gradient: [g => g, neg] },
  mul: { f: (a, b) => a * b, onnx: 'Mul', gradient: [(g, _, b) => times(g, b), (g, a) => times(g, a)] },
  div: {
    f: (a, b) => a / b,
    onnx: 'Div',
    gradient: [(g, _, b) => div(g, b), (g, _, b, y) => neg(mul(g, div(y, b)))],
  },
  maximum: { f: Math.max, onnx: 'Max', gradient: [(g, a, b) => mul(g, wins(a, b)), (g, a, b) => mul(g, wins(b, a))] },
  minimum: { f: Math.min, onnx: 'Min', gradient: [(g, a, b) => mul(g, wins(b, a)), (g, a, b) => mul(g, wins(a, b))] },
  greater: { f: (a, b) => (a > b ? 1 : 0), onnx: 'Greater', compares: true },
  equal: { f: (a, b) => (a === b ? 1 : 0), onnx: 'Equal', compares: true },
} satisfies Record<string, BinaryRow>

type BinaryName = keyof typeof binaryTable

const binaryOps = Object.fromEntries(
  Object.entries(binaryTable).map(([name, row]: [string, BinaryRow]) => [
    name,
    defineOp({
      name,
      infer: ([a, b]) => {
        if (a!.dtype !== b!.dtype) throw new TypeError(`${name}: operands are ${a!.dtype} and ${b!.dtype}; cast one`)
        return { dtype: a!.dtype, shape: broadcast(a!.shape, b!.shape) }
      },
      reference: ([a, b], _, shape) => combine(a!, b!, shape, row.f),
      gradient: row.gradient
        ? (y, given, wants) => {
            const [a, b] = y.inputs as [Node, Node]
            return row.gradient!.map((part, i) => (wants[i] ? sumTo(part(given, a, b, y), y.inputs[i]!) : undefined))
          }
        : 'none',
      lower: (emit, inputs, node) => {
        const result = emit.node(row.onnx, inputs)
        return row.compares ? emit.node('Cast', [result], { to: BigInt(onnxTypes[node.dtype]!) }) : result
      },
    }),
  ]),
) as Record<BinaryName, Op>

const binary =
  (name: BinaryName) =>
  (a: Node, b: Node): Node =>
    apply(binaryOps[name], [a, b])

/** Broadcasts as numpy does, like those below it. */
export const add: (a: Node, b: Node) => Node = binary('add')
export const sub: (a: Node, b: Node) => Node = binary('sub')
export const mul: (a: Node, b: Node) => Node = binary('mul')
export const div: (a: Node, b: Node) => Node = binary('div')
export const maximum: (a: Node, b: Node) => Node = binary('maximum')
export const minimum: (a: Node, b: Node) => Node = binary('minimum')
/** 1 where a > b, else 0, of the operands' type. */
export const greater: (a: Node, b: Node) => Node = binary('greater')
/** 1 where a = b, else 0, of the operands' type. */
export const equal: (a: Node, b: Node) => Node = binary('equal')

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
