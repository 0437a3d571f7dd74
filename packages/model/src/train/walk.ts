import type { Backend, Resident, TensorF32 } from '@sinter/tensor-core'
import type { Model } from '../model.ts'
import type { BlockPass } from './block-pass.ts'
import { type Tapped, tapKey } from './feature-pass.ts'
import type { TrainTokens } from './target-rows.ts'

export interface WalkOptions {
  readonly model: Model
  readonly blocks: BlockPass
  readonly backend: Backend
  /** Rows hold several documents. */
  readonly documents: boolean
  /** Whether a tap is looked at later. */
  readonly keeps: (key: string) => boolean
  /** Where such tensors are put: they stay alive, and the caller releases them. */
  readonly kept: Tapped
}

/** From ids to the last block's output, f32 `[batch, tokens, hidden]`. */
export async function walk(options: WalkOptions, batch: TrainTokens): Promise<TensorF32> {
  const { model, blocks, backend, documents, keeps, kept } = options
  const inputs = documents ? { documents: batch.documents! } : {}
  let x = await backend.upload(await model.embed(batch.ids), { move: true })
  for (let index = 0; index < model.blocks; index++) {
    const [hidden, attention] = [tapKey({ at: 'hidden', index }), tapKey({ at: 'attention', index })]
    // Before it is used: whatever fails, what is kept is released.
    if (keeps(hidden)) kept.set(hidden, { hidden: x })
    const { y, attended } = await blocks.forward(index, x, inputs, keeps(attention))
    if (attended) kept.set(attention, attended)
    if (!keeps(hidden)) x.release()
    x = y
  }
  return lastOf(x, tapKey({ at: 'hidden', index: model.blocks }), options)
}

async function lastOf(x: Resident, key: string, { keeps, kept }: WalkOptions): Promise<TensorF32> {
  if (!keeps(key)) return (await x.take()) as TensorF32
  kept.set(key, { hidden: x })
  return (await x.read()) as TensorF32
}
