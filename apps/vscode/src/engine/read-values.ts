import type { TensorInfo, TensorSource } from '@sinter/model'
import { dtypes, sizeOf, toF32 } from '@sinter/tensor-core'
import type { ReadControl } from '../shared/model-reader.ts'

/** 4 MB of floats: large enough that the calls cost nothing, small enough that a cancel is heard. */
const PIECE = 2 ** 20
/** 1 GB of floats. Sources read whole rows of the first axis, and some forms have to be decoded whole. */
const MAX_AT_ONCE = 2 ** 28

/** The values of a tensor in 32-bit floats, in row-major order, in pieces. @throws RangeError for rows that do not fit in memory */
export async function* valuesOf(
  source: TensorSource,
  name: string,
  { signal, onProgress }: ReadControl = {},
): AsyncGenerator<Float32Array> {
  const info = source.info(name)
  const total = sizeOf(info.shape)
  const rows = info.shape[0] ?? 1
  if (total === 0) return
  const step = stepOf(source, name, info)
  for (let start = 0; start < rows; start += step) {
    signal?.throwIfAborted()
    const count = Math.min(step, rows - start)
    const tensor = step >= rows ? await source.read(name) : await source.readRows(name, start, count)
    const { data } = toF32(tensor)
    for (let at = 0; at < data.length; at += PIECE) yield data.subarray(at, at + PIECE)
    onProgress?.(((start + count) / rows) * total, total)
    // Files in the page cache answer without giving others a turn.
    await new Promise<void>(resolve => setImmediate(resolve))
  }
}

/** Rows of the first axis to be read at once. */
function stepOf(source: TensorSource, name: string, { shape, dtype, bytes }: TensorInfo): number {
  const rows = shape[0] ?? 1
  const width = sizeOf(shape) / rows
  const blocks = bytes !== sizeOf(shape) * dtypes[dtype].bytes
  const whole = source.kind === 'onnx' || (shape.length < 2 && blocks)
  const step = whole ? rows : Math.max(1, Math.floor(PIECE / width))
  if (Math.min(step, rows) * width > MAX_AT_ONCE)
    throw new RangeError(
      `tensor ${JSON.stringify(name)}: ${Math.min(step, rows) * width} values would have to be read at once; at most ${MAX_AT_ONCE} are`,
    )
  return step
}
