import { type Model, ownCopy } from '@sinter/model'
import type { Backend } from '@sinter/tensor-core'
import { walkInputs } from '../run/walk-inputs.ts'
import type { BatchShape } from '../run/walker.ts'
import { type TrainData, tokensOf } from './datasets.ts'
import type { Subject } from './subject.ts'

/** Tokens whose way through the model says what enters its layers: several for each column of wide ones. */
const TOKENS = 8192

export interface MakeUpOptions {
  readonly backend: Backend
  readonly signal?: AbortSignal | undefined
  readonly onProgress: (done: number, total: number) => void
}

/** Lets a method that can begin with what rounding took from its backbone; the first rows that are trained on say how much it matters. */
export async function makeUp(
  original: Model,
  { setup, frozen }: Subject,
  { training }: TrainData,
  options: MakeUpOptions,
): Promise<void> {
  if (!setup.makeUp || frozen.size === 0) return
  const batches: BatchShape[] = []
  const ids: number[] = []
  for (let step = 0; ids.length < TOKENS && step < training.stepsPerEpoch; step++) {
    const { shape, data } = (await tokensOf(training, step)).ids
    batches.push(shape as unknown as BatchShape)
    for (const id of data) ids.push(Number(id))
  }
  await walkInputs(
    original,
    Int32Array.from(ids),
    { ...options, batches, needs: ['gram'] },
    async (layer, { gram }) => {
      const rounded = frozen.get(`${layer}.weight`)
      if (rounded) await setup.makeUp!(layer, await ownCopy(original, `${layer}.weight`), rounded.dense(), gram!)
    },
  )
}
