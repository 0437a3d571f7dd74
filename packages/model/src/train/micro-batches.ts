import type { Tensor } from '@sinter/tensor-core'
import type { TrainTokens } from './target-rows.ts'

/** Products are as fast with so many rows as with more, while attention's scores grow with every sequence. */
const MICRO_TOKENS = 1024

/** The same rows in batches of at most so many tokens, or of one row. A step's loss is a mean over all of them, so nothing changes. */
export function microBatches(batches: readonly TrainTokens[]): TrainTokens[] {
  return batches.flatMap(batch => {
    const [rows, length] = batch.ids.shape as readonly [number, number]
    const step = Math.max(1, Math.floor(MICRO_TOKENS / length))
    return Array.from({ length: Math.ceil(rows / step) }, (_, i) => {
      const part = <T extends Tensor>(tensor: T): T => rowsOf(tensor, i * step, Math.min((i + 1) * step, rows))
      const { ids, weights, documents, top } = batch
      return {
        ids: part(ids),
        weights: part(weights),
        ...(documents && { documents: part(documents) }),
        ...(top && { top: { ids: part(top.ids), logProbs: part(top.logProbs) } }),
      }
    })
  })
}

function rowsOf<T extends Tensor>(tensor: T, start: number, end: number): T {
  const [, ...rest] = tensor.shape
  const size = rest.reduce((n, d) => n * d, 1)
  return { ...tensor, shape: [end - start, ...rest], data: tensor.data.slice(start * size, end * size) }
}
