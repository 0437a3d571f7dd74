import {
  createDataset,
  type Dataset,
  type Documents,
  type Model,
  openDocuments,
  SinterError,
  splitDocuments,
  type TrainTokens,
} from '@sinter/model'
import type { Emit, TrainOptions } from './events.ts'
import type { TrainRecipe } from './train-recipe.ts'

export function readDocuments(
  { tokenizer, path }: Model,
  { data }: TrainRecipe,
  { signal, input }: TrainOptions,
  emit: Emit,
): Promise<Documents> {
  if (!tokenizer) throw new SinterError('tokenizer', `${path} has no tokenizer`)
  const { format, separator, textField, promptField, completionField, skipEmpty } = data
  return openDocuments(data.path, {
    tokenizer,
    format,
    separator,
    textField,
    promptField,
    completionField,
    skipEmpty,
    signal,
    ...(input && { input }),
    onProgress: (done, total) =>
      emit({ type: 'progress', stage: 'read', done: done / 1e6, total: Math.max(done, total) / 1e6, unit: 'MB' }),
  })
}

export interface TrainData {
  readonly training: Dataset
  /** Batches that the loss is looked at on. */
  readonly heldOut?: readonly TrainTokens[]
  /** Puts beside batches what a teacher said of them beforehand. */
  readonly answer?: (batches: readonly TrainTokens[]) => Promise<readonly TrainTokens[]>
  /** Numbers of the documents that were held out, or of the first when none were. */
  readonly shown: readonly number[]
}

/** Rows of the documents, and those held out. */
export async function datasetsOf(documents: Documents, { data, batch, seed }: TrainRecipe): Promise<TrainData> {
  const { length, packing } = data
  // A count: a small share of a few documents may be none.
  const count = Math.max(1, Math.round(data.heldOut * documents.count))
  const split = data.heldOut > 0 && documents.count > 1 ? splitDocuments(documents, { count, seed }) : undefined
  const layout = { length, packing, seed, batch }
  const training = await createDataset(documents, { ...layout, ...(split && { documents: split.train }) })
  if (!split) return { training, shown: [0] }
  const held = await createDataset(documents, { ...layout, documents: split.heldOut })
  const batches = Math.min(held.stepsPerEpoch, Math.ceil(data.heldOutRows / batch))
  const heldOut: TrainTokens[] = []
  for (let i = 0; i < batches; i++) heldOut.push(await tokensOf(held, i))
  return { training, heldOut, shown: [...split.heldOut] }
}

/** The batch of a forward pass, from 0. */
export async function tokensOf(dataset: Dataset, at: number): Promise<TrainTokens> {
  const { ids, weights, segments } = await dataset.batch(at)
  return { ids, weights, documents: segments }
}
