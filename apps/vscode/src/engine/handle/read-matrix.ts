import { FormatError, type TensorSource } from '@sinter/model'
import { toF32 } from '@sinter/tensor-core'
import type { MatrixShape } from '../statistics/value-statistics.ts'
import { elements } from './sizes.ts'

/** Values that are held at once, of the rows that are read together. */
const PIECE = 2 ** 18
/** A single row of more values is half a gigabyte: no matrix of a language model has one. */
const MAX_COLUMNS = 2 ** 27

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

/** Values of some rows, by one range read where the container allows. `[count, columns]` */
export async function readMatrixRows(
  source: TensorSource,
  tensor: string,
  start: number,
  count: number,
): Promise<Float32Array> {
  const vector = source.info(tensor).shape.length < 2
  return toF32(vector ? await source.read(tensor) : await source.readRows(tensor, start, count)).data
}
