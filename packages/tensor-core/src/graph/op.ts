import type { DType, TypedArray } from '../dtype.ts'
import type { Attributes, Dim, Node, Shape } from './node.ts'

/** What the reference interpreter computes on: floats are always f64 there, integers i32. */
export interface NdArray {
  readonly shape: readonly number[]
  readonly data: Float64Array | Int32Array
}

/** Receives the ONNX form of an operation. Names are ONNX value names. */
export interface OnnxEmitter {
  /** Adds a node with one output and returns that output's name. */
  node(type: string, inputs: readonly string[], attributes?: OnnxAttributes, domain?: OnnxDomain): string
  /** Adds a node and returns the names of its `count` outputs. */
  nodes(
    type: string,
    inputs: readonly string[],
    count: number,
    attributes?: OnnxAttributes,
    domain?: OnnxDomain,
  ): string[]
  /** A constant tensor, shared when equal. */
  constant(dtype: DType, shape: readonly number[], data: TypedArray | readonly number[]): string
}

export type OnnxDomain = '' | 'com.microsoft'
export type OnnxAttributes = Readonly<Record<string, number | bigint | string | readonly bigint[] | undefined>>

/**
 * How a change of the result comes back to the operands.
 * @param node an application of the operation
 * @param given the gradient of a loss with respect to its result, of the result's shape
 * @param wants whether anything is asked of each operand; what is not wanted need not be built
 * @returns for each operand the gradient with respect to it, of its shape; undefined where nothing flows
 */
export type GradientRule = (node: Node, given: Node, wants: readonly boolean[]) => readonly (Node | undefined)[]

/** One operation, whole: what it demands of its operands, what it computes, its gradient, and how ONNX Runtime is told. */
export interface Op {
  readonly name: string
  /** Result type and shape. @throws TypeError when the operands do not fit */
  infer(inputs: readonly Node[], attributes: Attributes): { dtype: DType; shape: Shape }
  /** The meaning of the operation, in plain loops. `shape` is the result's with every name bound. */
  reference(inputs: readonly NdArray[], attributes: Attributes, shape: readonly number[]): NdArray
  /** `none`: the result is constant wherever it is smooth, or is meant to be taken as a constant. */
  readonly gradient: GradientRule | 'none'
  /** Emits ONNX; returns the name of the result. Floats in `attributes` arrive as numbers. */
  lower(emit: OnnxEmitter, inputs: readonly string[], node: Node): string
}

const table = new Map<string, Op>()

/** Puts an operation into the table that backends read. */
export function defineOp(op: Op): Op {
  if (table.has(op.name)) throw new TypeError(`operation "${op.name}" is already defined`)
  table.set(op.name, op)
  return op
}

/** Names of all operations. */
export const opNames = (): readonly string[] => [...table.keys()]

/** @throws TypeError for a name that no file defines */
export function opOf(name: string): Op {
  const op = table.get(name)
  if (!op) throw new TypeError(`unknown operation "${name}"`)
  return op
}

/** Applies an operation: checks operands, infers the result. */
export function apply(op: Op, inputs: readonly Node[], attributes: Attributes = {}): Node {
  return { op: op.name, inputs, attributes, ...op.infer(inputs, attributes) }
}

export const showShape = (shape: Shape): string => `[${shape.join(', ')}]`

/** numpy broadcasting of two shapes; named dimensions are equal only to themselves. */
export function broadcast(a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length)
  const out: Dim[] = []
  for (let i = 0; i < rank; i++) {
    const x = a[a.length - rank + i] ?? 1
    const y = b[b.length - rank + i] ?? 1
    if (x !== y && x !== 1 && y !== 1)
      throw new TypeError(`shapes ${showShape(a)} and ${showShape(b)} do not broadcast`)
    out.push(x === 1 ? y : x)
  }
  return out
}
