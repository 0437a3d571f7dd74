import { FormatError, type TensorSource } from '@sinter/model'
import { toF32 } from '@sinter/tensor-core'
import type { MatrixShape } from '../statistics/value-statistics.ts'
import { elements } from './sizes.ts'

/** Values that are held at once, of the rows that are read together. */
const PIECE = 2 ** 18
/** A single row of more values is a quarter of a gigabyte: the stacked experts of large models have fewer. */
const MAX_COLUMNS = 2 ** 26

/** A tensor as a matrix: the first axis, and all others; a vector is one row. @throws FormatError `limit` for endless rows */
export function matrixOf(source: TensorSource, tensor: string): MatrixShape {
  const { shape } = source.info(tensor)
  const size = elements(shape)
  const rows = shape.length < 2 ? 1 : shape[0]!
  const columns = rows > 0 ? size / rows : 0
  if (columns > MAX_COLUMNS)
    throw new FormatError('limit', `${tensor}: rows of ${columns} values; at most ${MAX_COLUMNS} are looked at`)
  return { rows, columns }
}

/** Rows spread evenly when there are more than wanted: their first, and how many stand together. */
export function rowsToRead({ rows, columns }: MatrixShape, maxValues: number): { start: number; count: number }[] {
  const together = Math.max(1, Math.floor(PIECE / Math.max(1, columns)))
  const pieces = Math.ceil(rows / together)
  const wanted = Math.min(pieces, Math.max(1, Math.floor(maxValues / Math.max(1, columns * together))))
  return Array.from({ length: wanted }, (_, i) => {
    const start = Math.floor((i * pieces) / wanted) * together
    return { start, count: Math.min(together, rows - start) }
  })
}

/** Gives rows of a tensor, `[count, columns]`. */
export type RowReader = (start: number, count: number) => Promise<Float32Array>

/** Tensors of GGUF whose rows changed places would be read whole for every piece: those of so many values are kept. */
const KEPT_VALUES = 2 ** 25

/** By one range read a piece where the container allows; a vector is read whole. */
export async function rowReader(source: TensorSource, tensor: string): Promise<RowReader> {
  const { shape } = source.info(tensor)
  const { columns } = matrixOf(source, tensor)
  const kept = shape.length < 2 || (source.kind !== 'safetensors' && elements(shape) <= KEPT_VALUES)
  if (!kept) return async (start, count) => toF32(await source.readRows(tensor, start, count)).data
  const { data } = toF32(await source.read(tensor))
  return async (start, count) => data.subarray(start * columns, (start + count) * columns)
}
