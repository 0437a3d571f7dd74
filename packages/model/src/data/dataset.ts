import { createRng, type Tensor, type TensorF32 } from '@sinter/tensor-core'
import { SinterError } from '../errors.ts'
import type { Documents } from './documents.ts'
import { type Layout, type LayoutOptions, layOut } from './layout.ts'
import { MAX_BATCH_TOKENS } from './limits.ts'

export interface DatasetOptions extends LayoutOptions {
  /** Rows of a batch. */
  readonly batch: number
}

/** What one step trains on. All `[batch, length]`. */
export interface TrainBatch {
  /** i32. Padding is token 0, which nothing looks at. */
  readonly ids: Tensor
  /** 1 where position t predicts a token t + 1 that is to be learnt, else 0; so the last column is 0. */
  readonly weights: TensorF32
  /** i32. Which document of the row a position belongs to, from 0; −1 is padding. Attention stays inside one. */
  readonly segments: Tensor
  /** i32. From 0 at the beginning of each document, and of each window of a long one, which the model sees alone. */
  readonly positions: Tensor
  /** Tokens to learn: the sum of `weights`. */
  readonly tokens: number
}

/** Rows of documents, in an order that the seed gives. */
export interface Dataset {
  /** Rows of an epoch. Every token to learn stands in one of them. */
  readonly rows: number
  /** The last step of an epoch is filled up with padding. */
  readonly stepsPerEpoch: number
  /** Share of the rows that is padding. */
  readonly padding: number
  /** Documents longer than a row, cut into windows. */
  readonly cut: number
  /** The batch of a step, from 0 and on through all epochs; any, in any order. @throws RangeError for a step that is none */
  batch(step: number): Promise<TrainBatch>
}

/**
 * A training set in batches. The rows are laid out once; every epoch has its own permutation of them, drawn from the seed and the
 * number of the epoch alone. So all epochs have as many steps, and any step is reached without the ones before it.
 * @throws SinterError `option` for sizes that make no sense
 */
export async function createDataset(documents: Documents, { batch, ...options }: DatasetOptions): Promise<Dataset> {
  const { length, seed = 0 } = options
  if (!Number.isSafeInteger(batch) || batch < 1 || batch * length > MAX_BATCH_TOKENS)
    throw new SinterError(
      'option',
      `batch: expected a whole number of rows from 1, with ${length} tokens each at most ${MAX_BATCH_TOKENS} tokens, got ${batch}`,
    )
  const layout = await layOut(documents, options)
  if (layout.rows === 0) throw new SinterError('data', 'no documents were chosen to train on')
  const stepsPerEpoch = Math.ceil(layout.rows / batch)
  const orderOf = epochOrders(layout.rows, seed)
  return {
    rows: layout.rows,
    stepsPerEpoch,
    padding: layout.padding,
    cut: layout.pieces.cut,
    async batch(step) {
      if (!Number.isSafeInteger(step) || step < 0)
        throw new RangeError(`batch(step): expected a whole number from 0, got ${step}`)
      const first = (step % stepsPerEpoch) * batch
      const rows = orderOf(Math.floor(step / stepsPerEpoch)).slice(first, first + batch)
      return fill(documents, layout, rows, [batch, length])
    },
  }
}

/** The order of an epoch's rows. The last one asked for is kept: steps mostly follow each other. */
function epochOrders(rows: number, seed: string | number): (epoch: number) => readonly number[] {
  let kept: { epoch: number; order: readonly number[] } | undefined
  return epoch => {
    if (kept?.epoch !== epoch) {
      const order = Array.from({ length: rows }, (_, row) => row)
      kept = { epoch, order: createRng(`${seed}/epoch`).split(epoch).shuffle(order) }
    }
    return kept.order
  }
}

async function fill(
  documents: Documents,
  layout: Layout,
  rows: readonly number[],
  shape: readonly [batch: number, length: number],
): Promise<TrainBatch> {
  const size = shape[0] * shape[1]
  const ids = new Int32Array(size)
  const segments = new Int32Array(size).fill(-1)
  const positions = new Int32Array(size)
  const weights = new Float32Array(size)
  for (const [r, row] of rows.entries()) {
    let at = r * shape[1]
    for (const [segment, piece] of layout.row(row).entries()) {
      const read = await readPiece(documents, layout, piece)
      const end = at + read.ids.length
      ids.set(read.ids, at)
      segments.fill(segment, at, end)
      for (let t = at; t < end; t++) positions[t] = t - at
      // Position t predicts token t + 1 of the same piece.
      weights.set(read.targets.subarray(1), at)
      at = end
    }
  }
  const i32 = (data: Int32Array): Tensor => ({ dtype: 'i32', shape, data })
  return {
    ids: i32(ids),
    weights: { dtype: 'f32', shape, data: weights },
    segments: i32(segments),
    positions: i32(positions),
    tokens: weights.reduce((sum, weight) => sum + weight, 0),
  }
}

const readPiece = (documents: Documents, { pieces }: Layout, piece: number) =>
  documents.read(pieces.document[piece]!, pieces.start[piece]!, pieces.size[piece]!)
