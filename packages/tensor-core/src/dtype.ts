/** Element types. Half floats and 8-bit floats are held as raw bits in unsigned arrays. */
export type DType =
  | 'f64'
  | 'f32'
  | 'f16'
  | 'bf16'
  | 'f8e4m3'
  | 'f8e5m2'
  | 'i8'
  | 'u8'
  | 'i16'
  | 'u16'
  | 'i32'
  | 'u32'
  | 'i64'
  | 'u64'
  | 'bool'

export type TypedArray =
  | Float64Array
  | Float32Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array

interface DTypeRow {
  readonly bytes: number
  readonly array: new (buffer: ArrayBufferLike, offset?: number, length?: number) => TypedArray
}

export const dtypes: { readonly [K in DType]: DTypeRow } = {
  f64: { bytes: 8, array: Float64Array },
  f32: { bytes: 4, array: Float32Array },
  f16: { bytes: 2, array: Uint16Array },
  bf16: { bytes: 2, array: Uint16Array },
  f8e4m3: { bytes: 1, array: Uint8Array },
  f8e5m2: { bytes: 1, array: Uint8Array },
  i8: { bytes: 1, array: Int8Array },
  u8: { bytes: 1, array: Uint8Array },
  i16: { bytes: 2, array: Int16Array },
  u16: { bytes: 2, array: Uint16Array },
  i32: { bytes: 4, array: Int32Array },
  u32: { bytes: 4, array: Uint32Array },
  i64: { bytes: 8, array: BigInt64Array },
  u64: { bytes: 8, array: BigUint64Array },
  bool: { bytes: 1, array: Uint8Array },
}

export const isFloat = (dtype: DType): boolean => dtype.startsWith('f') || dtype === 'bf16'
