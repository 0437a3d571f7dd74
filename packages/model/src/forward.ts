import { graph, type Resident, type Tensor } from '@sinter/tensor-core'
import type { ForwardOptions, HiddenBatch, Model } from './model.ts'
import { createPrograms, type Programs } from './programs.ts'
import { releaseAll, uploadAll } from './residents.ts'

/**
 * Hidden states after the last block for batches of token ids `[batch, tokens]`. One block's weights are in memory at a time,
 * and the hidden states of all batches: 4 bytes × tokens × width. The caller releases them.
 */
export async function forward(
  model: Model,
  inputs: readonly Tensor[],
  { backend, onHidden, onBlock, documents, signal }: ForwardOptions,
): Promise<HiddenBatch[]> {
  const programs = createPrograms(backend)
  const step = createWalk(model, programs, documents)
  const batches: HiddenBatch[] = []
  try {
    for (const ids of inputs) {
      signal?.throwIfAborted()
      batches.push({ ids, hidden: await backend.upload(await model.embed(ids), { move: true }) })
    }
    await onHidden?.(0, batches)
    for (let block = 0; block < model.blocks; block++) {
      const weights = await uploadAll(backend, await model.readBlock(block))
      try {
        for (const [i, batch] of batches.entries()) {
          signal?.throwIfAborted()
          batches[i] = { ids: batch.ids, hidden: await step(block, weights, batch.hidden, i) }
        }
      } finally {
        releaseAll(weights)
      }
      await onHidden?.(block + 1, batches)
      onBlock?.(block + 1, model.blocks)
    }
    return batches
  } catch (error) {
    for (const { hidden } of batches) hidden.release()
    throw error
  } finally {
    await programs.close()
  }
}

/** Steps through blocks; a block's input is given up for its output. */
function createWalk(model: Model, programs: Programs, documents: readonly Tensor[] | undefined) {
  const apart = documents !== undefined
  const blocks = Array.from({ length: model.blocks }, (_, i) =>
    apart ? model.tracedBlock(i, { documents: apart }) : model.blockGraph(i),
  )
  return async (
    block: number,
    weights: Readonly<Record<string, Resident>>,
    x: Resident,
    batch: number,
  ): Promise<Resident> => {
    const traced = blocks[block]!
    const program = await programs.get(traced.key, () => graph({ y: traced.output }))
    const tables = Object.fromEntries(model.tables(traced, x.shape[1]!))
    const inputs = { x, ...weights, ...tables, ...(documents && { documents: documents[batch]! }) }
    const { y } = await program.run(inputs, { keep: ['y'] })
    x.release()
    return y as Resident
  }
}
