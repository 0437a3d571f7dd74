import { type DType, dtypes, sizeOf, type Tensor, type TensorF32, toF32, type Weight } from '@sinter/tensor-core'

/** What is known of a stored tensor without reading it. */
export interface TensorInfo {
  /** As the file names it: `F32`, `BF16`, `Q4_K` … */
  readonly encoding: string
  /** What `read` gives: the stored type, or f32 for block encodings. */
  readonly dtype: DType
  /** Row-major; for a matrix `[out, in]`. */
  readonly shape: readonly number[]
  /** Bytes on disk. */
  readonly bytes: number
}

/** An open checkpoint. Tensors are read when asked for; nothing is kept. */
export interface TensorSource {
  readonly kind: 'safetensors' | 'gguf' | 'onnx'
  names(): readonly string[]
  has(name: string): boolean
  /** @throws FormatError `missing` when there is no such tensor */
  info(name: string): TensorInfo
  /**
   * Dense values; block-encoded tensors come back as f32.
   * @param into memory for the bytes as they are stored; a source that has to decode them may leave it alone
   * @throws FormatError `missing`, `truncated`
   */
  read(name: string, into?: Uint8Array<ArrayBuffer>): Promise<Tensor>
  /** Rows `start … start + count` of the first axis. @throws RangeError when they are not all there */
  readRows(name: string, start: number, count: number, into?: Uint8Array<ArrayBuffer>): Promise<Tensor>
  /** The matrix `[out, in]` in the compressed form in which it is stored; undefined when that is plain numbers. */
  weight?(name: string): Promise<Weight | undefined>
  close(): Promise<void>
}

/**
 * A tensor in 32-bit floats. Halves are read into the end of the memory that holds the result, and widened from there: nothing
 * else is allocated.
 * @param memory for the result if it has the size
 */
export async function readF32(source: TensorSource, name: string, memory?: Float32Array): Promise<TensorF32> {
  const { shape, dtype, bytes } = source.info(name)
  const size = sizeOf(shape)
  const plain = bytes === size * dtypes[dtype].bytes && (dtype === 'f32' || dtype === 'f16' || dtype === 'bf16')
  if (!plain) return toF32(await source.read(name))
  const out = memory?.length === size ? memory : new Float32Array(size)
  const stored = new Uint8Array(out.buffer as ArrayBuffer, out.byteOffset + out.byteLength - bytes, bytes)
  return toF32(await source.read(name, stored), out)
}

/** @throws RangeError when a tensor of this shape has no such rows */
export function checkRows(name: string, shape: readonly number[], start: number, count: number): void {
  const rows = shape[0] ?? 0
  const whole = Number.isSafeInteger(start) && Number.isSafeInteger(count)
  if (!whole || start < 0 || count < 0 || start + count > rows)
    throw new RangeError(
      `tensor ${JSON.stringify(name)} has rows 0 … ${rows}: there are no ${start} … ${start + count}`,
    )
}
