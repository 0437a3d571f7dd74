import { castTo, toF32 } from '../convert.ts'
import { type DType, dtypes, isFloat } from '../dtype.ts'
import type { Tensor } from '../tensor.ts'
import { denseInputs, emitDense } from './emit-dense.ts'
import { takePart } from './parts.ts'
import type { Weight, WeightAttributes } from './weight.ts'

export interface DenseWeight extends Weight {
  readonly kind: 'dense'
  /** The values as stored, any float type, `[out, in]`. */
  readonly values: Tensor
}

/** A matrix stored element by element. @throws TypeError for a tensor that is not a matrix of floats */
export function denseWeight(values: Tensor): DenseWeight {
  const [rows, cols] = values.shape
  if (values.shape.length !== 2 || rows === undefined || cols === undefined || !isFloat(values.dtype))
    throw new TypeError(`dense weight: expected a float matrix [out, in], got ${values.dtype} [${values.shape}]`)
  const weight: DenseWeight = {
    kind: 'dense',
    shape: [rows, cols],
    values,
    dense: () => toF32(values),
    denseRows: (start, end, out) =>
      out.set(toF32({ ...values, data: values.data.subarray(start * cols, end * cols) }, out).data),
    parts: () => ({ values }),
    attributes: () => ({}),
    bits: () => ({ values: rows * cols * dtypes[values.dtype].bytes * 8, scales: 0, zeroPoints: 0, indices: 0 }),
    emit: (x, name) => emitDense(weight, x, name),
    inputs: name => denseInputs(weight, name),
  }
  return weight
}

/** Rounds a matrix to another float type and keeps it dense, in memory of its own. */
export const denseAs = (values: Tensor, dtype: DType): DenseWeight =>
  denseWeight(values.dtype === dtype ? { ...values, data: values.data.slice() } : castTo(values, dtype))

export const decodeDense = (_: WeightAttributes, parts: Readonly<Record<string, Tensor>>): Weight =>
  denseWeight(takePart(parts, 'values'))
