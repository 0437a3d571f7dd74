import { type DType, type OnnxEmitter, onnxTypes } from '@sinter/tensor-core'

/**
 * A stored value for use in f32. Halves are widened by a node, which ONNX Runtime works out once, when it loads the model: the
 * file stays half as large.
 */
export const asF32 = (emit: OnnxEmitter, name: string, dtype: DType): string =>
  dtype === 'f32' ? name : emit.node('Cast', [name], { to: BigInt(onnxTypes.f32!) })

/** A whole-number vector. */
export const ints = (emit: OnnxEmitter, values: readonly number[]): string =>
  emit.constant('i64', [values.length], values)

export const floatScalar = (emit: OnnxEmitter, value: number): string => emit.constant('f32', [], [value])

/** One dimension of a value's shape, i64 `[1]`. */
export const dimension = (emit: OnnxEmitter, value: string, axis: number): string =>
  emit.node('Slice', [emit.node('Shape', [value]), ints(emit, [axis]), ints(emit, [axis + 1])])
