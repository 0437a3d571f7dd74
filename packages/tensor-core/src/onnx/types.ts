import type { DType } from '../dtype.ts'

/** ONNX `TensorProto.DataType` numbers. */
export const onnxTypes: Readonly<Partial<Record<DType, number>>> = {
  f32: 1,
  u8: 2,
  i8: 3,
  u16: 4,
  i16: 5,
  i32: 6,
  i64: 7,
  bool: 9,
  f16: 10,
  f64: 11,
  u32: 12,
  u64: 13,
  bf16: 16,
}

/** The same types as ONNX Runtime's JavaScript API names them. */
export const ortTypes: Readonly<Partial<Record<DType, string>>> = {
  f32: 'float32',
  f64: 'float64',
  f16: 'float16',
  i8: 'int8',
  u8: 'uint8',
  i16: 'int16',
  u16: 'uint16',
  i32: 'int32',
  u32: 'uint32',
  i64: 'int64',
  u64: 'uint64',
  bool: 'bool',
}

export const fromOrtType = (type: string): DType => {
  const found = Object.entries(ortTypes).find(([, name]) => name === type)
  if (!found) throw new TypeError(`ONNX Runtime gave a tensor of type ${type}, which no dtype of ours names`)
  return found[0] as DType
}
