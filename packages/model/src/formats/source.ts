import type { DType, Tensor } from '@sinter/tensor-core'

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
  readonly kind: 'safetensors' | 'gguf'
  names(): readonly string[]
  has(name: string): boolean
  /** @throws FormatError `missing` when there is no such tensor */
  info(name: string): TensorInfo
  /** Dense values; block-encoded tensors come back as f32. @throws FormatError `missing`, `truncated` */
  read(name: string): Promise<Tensor>
  /** Rows `start … start + count` of the first axis. @throws RangeError when they are not all there */
  readRows(name: string, start: number, count: number): Promise<Tensor>
  close(): Promise<void>
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
