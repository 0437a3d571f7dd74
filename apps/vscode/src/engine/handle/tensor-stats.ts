import { openToLook, type TensorSource } from '@sinter/model'
import type { TensorStatsParams, TensorStatsResult } from '../../shared/protocol.ts'
import type { Handler, RequestContext } from '../handler.ts'
import { firstLook, histogram } from '../statistics/value-statistics.ts'
import { matrixOf, rowReader, rowsToRead } from './read-matrix.ts'

/** 64 Mi values are half a second's work. */
const DEFAULT_VALUES = 2 ** 26

export const tensorStats: Handler<'tensorStats'> = async (params, context) => {
  const { source } = await openToLook(params.path)
  try {
    return await statisticsOf(source, params, context)
  } finally {
    await source.close()
  }
}

async function statisticsOf(
  source: TensorSource,
  { tensor, groupSize = 64, bins = 128, cells = 96, maxValues = DEFAULT_VALUES }: TensorStatsParams,
  context: RequestContext,
): Promise<TensorStatsResult> {
  const { encoding, shape } = source.info(tensor)
  const matrix = matrixOf(source, tensor)
  const pieces = matrix.columns > 0 ? rowsToRead(matrix, maxValues) : []
  const read = await rowReader(source, tensor)
  const look = firstLook(matrix, { groupSize: Math.min(groupSize, Math.max(1, matrix.columns)), cells })
  const visit = async (stage: string, each: (row: number, values: Float32Array) => void): Promise<void> => {
    for (const [i, { start, count }] of pieces.entries()) {
      context.signal.throwIfAborted()
      const data = await read(start, count)
      for (let r = 0; r < count; r++) each(start + r, data.subarray(r * matrix.columns, (r + 1) * matrix.columns))
      context.progress(stage, i + 1, pieces.length)
    }
  }
  await visit('statistics', (row, values) => look.add(row, values))
  const first = look.end()
  const counted = histogram(first.min, first.max, bins)
  await visit('histogram', (_, values) => counted.add(values))
  const rowsRead = pieces.reduce((sum, { count }) => sum + count, 0)
  return { tensor, encoding, shape, ...matrix, rowsRead, ...first, histogram: counted.counts }
}
