import { type Backend, type Graph, graph, input, linear, type Resident, type Tensor } from '@sinter/tensor-core'
import { structureKey } from './block-graph.ts'
import { forward } from './forward.ts'
import type { HiddenBatch, Model } from './model.ts'
import { releaseAll, uploadAll } from './residents.ts'

/**
 * What the output embedding multiplies, batch by batch: f32 `[batch, tokens, width]`, with the backend. A batch's is released
 * when the next one is asked for, so keep nothing.
 */
export async function* headInputs(
  model: Model,
  backend: Backend,
  batches: Iterable<HiddenBatch>,
): AsyncGenerator<{ readonly ids: Tensor; readonly headInput: Resident }> {
  const program = await backend.compile(model.headInputGraph())
  const parameters = await uploadAll(backend, await model.readHeadInput())
  try {
    for (const { ids, hidden } of batches) {
      const { head_input } = await program.run({ x: hidden, ...parameters }, { keep: ['head_input'] })
      const headInput = head_input as Resident
      try {
        yield { ids, headInput }
      } finally {
        headInput.release()
      }
    }
  } finally {
    releaseAll(parameters)
    await program.close()
  }
}

/** A slice of the output embedding, with the backend. */
export interface HeadSlice {
  readonly start: number
  readonly count: number
  /** f32 `[count, width]` */
  readonly weight: Resident
}

/**
 * The output embedding in slices of at most `rows` rows: what a statistic over the whole vocabulary runs over without
 * ever holding all logits. A slice is released when the next one is asked for.
 */
export async function* headSlices(model: Model, backend: Backend, rows: number): AsyncGenerator<HeadSlice> {
  const { vocabSize } = model.config
  for (let start = 0; start < vocabSize; start += rows) {
    const count = Math.min(rows, vocabSize - start)
    const { weight } = await model.readHeadRows(start, count)
    const resident = await backend.upload(weight, { move: true })
    try {
      yield { start, count, weight: resident }
    } finally {
      resident.release()
    }
  }
}

/** `head_input` `['batch', 'tokens', width]` and `weight` `[rows, width]` to `logits` `['batch', 'tokens', rows]`. */
export function logitsGraph(model: Model, rows: number): Graph {
  const width = model.config.embeddingSize
  const x = input('head_input', 'f32', ['batch', 'tokens', width])
  return graph({ logits: model.finishLogits(linear(x, input('weight', 'f32', [rows, width]))) })
}

/** Names a graph of `logitsGraph` for a cache of compiled graphs. */
export const logitsKey = (model: Model, rows: number): string => structureKey(logitsGraph(model, rows))

/**
 * Logits of token ids `[batch, tokens]`, and on the way `head_input`; with `hidden` also `hidden.0` (what enters the first
 * block) to `hidden.N`. All of them are held: for short texts.
 */
export async function logits(
  model: Model,
  backend: Backend,
  ids: Tensor,
  { hidden = false, signal }: { hidden?: boolean; signal?: AbortSignal } = {},
): Promise<Map<string, Tensor>> {
  const results = new Map<string, Tensor>()
  const onHidden = async (block: number, batches: readonly HiddenBatch[]) => {
    if (hidden) results.set(`hidden.${block}`, await batches[0]!.hidden.read())
  }
  const batches = await forward(model, [ids], { backend, onHidden, ...(signal && { signal }) })
  const program = await backend.compile(logitsGraph(model, model.config.vocabSize))
  try {
    for await (const { headInput } of headInputs(model, backend, batches)) {
      results.set('head_input', await headInput.read())
      for await (const { weight } of headSlices(model, backend, model.config.vocabSize)) {
        const { logits: values } = await program.run({ head_input: headInput, weight })
        results.set('logits', values as Tensor)
      }
    }
    return results
  } finally {
    for (const batch of batches) batch.hidden.release()
    await program.close()
  }
}
