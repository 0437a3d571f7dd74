import type { DType } from '../dtype.ts'

/** A dimension: a number, or a name that is bound when the graph runs (`'batch'`, `'tokens'`). */
export type Dim = number | string
export type Shape = readonly Dim[]

export type Attribute = number | string | boolean | readonly number[] | undefined
export type Attributes = Readonly<Record<string, Attribute>>

/** One value of a Graph: the operation that makes it, and its operands. Nodes are immutable and shared. */
export interface Node {
  readonly op: string
  readonly inputs: readonly Node[]
  readonly attributes: Attributes
  readonly dtype: DType
  readonly shape: Shape
}

/** A named argument of a Graph. */
export interface InputNode extends Node {
  readonly op: 'input'
  readonly attributes: { readonly name: string }
}

/** A named argument: `input('x', 'f32', ['batch', 'tokens', 576])`. */
export function input(name: string, dtype: DType, shape: Shape): InputNode {
  return { op: 'input', inputs: [], attributes: { name }, dtype, shape }
}

export const isInput = (node: Node): node is InputNode => node.op === 'input'
