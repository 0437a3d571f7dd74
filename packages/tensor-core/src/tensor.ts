import { type DType, dtypes, type TypedArray } from './dtype.ts'

/** A dense array: row-major, little-endian. `f16` and `bf16` are raw bits in a `Uint16Array`. */
export interface Tensor {
  readonly dtype: DType
  readonly shape: readonly number[]
  readonly data: TypedArray
}

/** A tensor whose data are 32-bit floats. */
export interface TensorF32 extends Tensor {
  readonly dtype: 'f32'
  readonly data: Float32Array
}

/** Number of elements of a shape. @throws RangeError when the product is not a safe integer */
export function sizeOf(shape: readonly number[]): number {
  let size = 1
  for (const dim of shape) {
    if (!Number.isSafeInteger(dim) || dim < 0) throw new RangeError(`shape [${shape}]: expected whole numbers >= 0`)
    size *= dim
  }
  if (!Number.isSafeInteger(size)) throw new RangeError(`shape [${shape}]: the number of elements overflows`)
  return size
}

/** Wraps data as a tensor. @throws RangeError when shape and data disagree, TypeError on the wrong array kind */
export function tensor(dtype: DType, shape: readonly number[], data: TypedArray): Tensor {
  const size = sizeOf(shape)
  if (data.length !== size) throw new RangeError(`tensor [${shape}]: expected ${size} elements, got ${data.length}`)
  if (!(data instanceof dtypes[dtype].array))
    throw new TypeError(`tensor ${dtype}: expected ${dtypes[dtype].array.name}, got ${data.constructor.name}`)
  return { dtype, shape, data }
}

/** Wraps 32-bit floats as a tensor. @throws RangeError when shape and data disagree */
export function f32(shape: readonly number[], data: Float32Array | readonly number[]): TensorF32 {
  const array = data instanceof Float32Array ? data : Float32Array.from(data)
  return tensor('f32', shape, array) as TensorF32
}

/** A tensor of zeros. */
export function zeros(dtype: DType, shape: readonly number[]): Tensor {
  const { array, bytes } = dtypes[dtype]
  return { dtype, shape, data: new array(new ArrayBuffer(sizeOf(shape) * bytes)) }
}

/** Raw little-endian bytes of a tensor, without a copy. */
export function bytesOf(t: Tensor): Uint8Array {
  return new Uint8Array(t.data.buffer, t.data.byteOffset, t.data.byteLength)
}
