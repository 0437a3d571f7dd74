import type { Model, Statistic, Statistics } from '@sinter/model'
import type { Backend } from '@sinter/tensor-core'
import { memoryStore } from './carry-store.ts'
import { type BatchShape, Walker } from './walker.ts'

export interface WalkOptions {
  readonly backend: Backend
  readonly batches: readonly BatchShape[]
  readonly needs: readonly Statistic[]
  readonly signal?: AbortSignal | undefined
  /** Blocks that are done, parts counted. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined
}

/**
 * Takes tokens through a model that stays as it is, one block at a time, and tells of the inputs of every linear layer. Layers with one
 * input have one statistic.
 * @param ids of all batches, one after the other
 * @param see called with the layer's stored name, without `.weight`
 */
export async function walkInputs(
  model: Model,
  ids: Int32Array,
  { backend, batches, needs, signal, onProgress }: WalkOptions,
  see: (stored: string, statistics: Statistics) => void | Promise<void>,
): Promise<void> {
  const stream = memoryStore()
  let at = 0
  for (const [i, [sequences, tokens]] of batches.entries()) {
    const data = ids.subarray(at, (at += sequences * tokens))
    const hidden = await model.embed({ dtype: 'i32', shape: [sequences, tokens], data })
    await stream.put('x', i, await backend.upload(hidden))
  }
  const walker = new Walker(model, backend, { stream, groupInputs: memoryStore() }, batches, signal)
  try {
    for (let block = 0; block < model.blocks; block++) {
      const graph = model.blockGraph(block)
      await walker.load(await model.readBlock(block))
      const statistics = await walker.sweep(graph, {
        from: [graph.input],
        carry: [graph.output],
        statistics: graph.groupInputs.map(node => ({ node, needs })),
        onBatch: (done, total) => onProgress?.(block + done / total, model.blocks),
      })
      await walker.advance(graph)
      const stored = model.blockTensors(block)
      for (const [i, { linears }] of graph.groups.entries())
        for (const linear of linears) {
          const name = stored.get(`${linear}.weight`)
          if (name !== undefined) await see(name.replace(/\.weight$/, ''), statistics[i]!)
        }
    }
  } finally {
    await walker.close()
  }
}
