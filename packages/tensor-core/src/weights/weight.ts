import type { Node } from '../graph/node.ts'
import type { Tensor, TensorF32 } from '../tensor.ts'

/**
 * How one matrix `[out, in]` is represented. A compressed matrix is an expression of these; size, stored
 * parts, inference graph and exact value are asked of the expression, never of the method that made it.
 */
export interface Weight {
  /** Which representation this is: the key of its decoder in the table of `weights/store.ts`. */
  readonly kind: string
  /** `[out, in]` */
  readonly shape: readonly [number, number]
  /** The exact value that inference will use, f32 `[out, in]`. */
  dense(): TensorF32
  /** Rows `start … end` of it into `out` `[end − start, in]`: what needs no whole matrix works in memory that it keeps. */
  denseRows(start: number, end: number, out: Float32Array): void
  /** What has to be stored, by name. `decodeWeight(kind, attributes(), parts())` gives the weight back. */
  parts(): Record<string, Tensor>
  /** The small facts that `parts` do not carry (bits, group size, kinds of the operands). JSON. */
  attributes(): WeightAttributes
  /** Stored bits by what they are spent on: values, scales, zero points, indices. */
  bits(): BitCount
  /** `y = x Wᵀ` with x `[..., in]`, in the cheapest operations that this representation allows. */
  emit(x: Node, name: string): Node
  /** The tensors that the inputs declared by `emit(x, name)` want. */
  inputs(name: string): Record<string, Tensor>
}

export interface BitCount {
  readonly values: number
  readonly scales: number
  readonly zeroPoints: number
  readonly indices: number
}

export interface WeightAttributes {
  readonly [key: string]: string | number | boolean | null | WeightAttributes
}

/** `dense()` of a representation that can do it by rows. */
export function denseOf({ shape: [rows, cols], denseRows }: Pick<Weight, 'shape' | 'denseRows'>): TensorF32 {
  const data = new Float32Array(rows * cols)
  denseRows(0, rows, data)
  return { dtype: 'f32', shape: [rows, cols], data }
}

export const totalBits = (b: BitCount): number => b.values + b.scales + b.zeroPoints + b.indices
