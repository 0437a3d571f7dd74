import {
  type Backend,
  createRng,
  type Graph,
  type Program,
  type Resident,
  type Tensor,
  type TensorF32,
} from '@sinter/tensor-core'
import { structureKey } from './block-graph.ts'
import { logitsGraph } from './head.ts'
import { createKvCache, emptyPast, type KvCache } from './kv-cache.ts'
import type { BlockGraph, Model } from './model.ts'
import { createPrograms, type Programs } from './programs.ts'
import { releaseAll, uploadAll } from './residents.ts'
import { ropeSwitches } from './rope.ts'
import { checkSampling, type SamplingOptions, sampleToken } from './sample.ts'

export interface GenerateOptions extends SamplingOptions {
  /** At most this many new tokens. */
  readonly tokens: number
  /** Of the generator that samples. */
  readonly seed?: string | number
  /** Ids that end the text; they are not yielded. Default: those of config.json; an empty list never stops. */
  readonly stopIds?: readonly number[]
  readonly signal?: AbortSignal
}

/** A model with all of its weights with the backend, ready to continue prompts. */
export interface Generator {
  /** New token ids as they are chosen. One at a time: a second call must wait for the first to end. */
  generate(prompt: readonly number[], options: GenerateOptions): AsyncGenerator<number>
  close(): Promise<void>
}

/** Positions that go through the blocks at once: keeps the scores of a long prompt, tokens² × heads, from growing. */
const CHUNK = 256

/** Continues one prompt. Loads all weights first; for several prompts make a Generator. */
export async function* generate(
  model: Model,
  backend: Backend,
  prompt: readonly number[],
  options: GenerateOptions,
): AsyncGenerator<number> {
  const generator = await createGenerator(model, backend, options.signal)
  try {
    yield* generator.generate(prompt, options)
  } finally {
    await generator.close()
  }
}

/**
 * Loads all weights, f32: 4 bytes a parameter.
 * @param signal stops the loading, after which nothing is kept
 */
export async function createGenerator(model: Model, backend: Backend, signal?: AbortSignal): Promise<Generator> {
  const programs = createPrograms(backend)
  const parts: Pick<Stage, 'weights'>[] = []
  const close = async (): Promise<void> => {
    for (const { weights } of parts) releaseAll(weights)
    await programs.close()
  }
  try {
    const stages: Stage[] = []
    for (let i = 0; i < model.blocks; i++) {
      signal?.throwIfAborted()
      const stage = await loadBlock(model, backend, programs, i)
      stages.push(stage)
      parts.push(stage)
    }
    signal?.throwIfAborted()
    const head = await loadHead(model, backend, programs)
    parts.push(head)
    return { generate: (prompt, options) => run(model, stages, head, prompt, options), close }
  } catch (error) {
    await close()
    throw error
  }
}

interface Stage {
  readonly block: BlockGraph
  readonly program: Program
  readonly weights: Readonly<Record<string, Resident>>
}

async function loadBlock(model: Model, backend: Backend, programs: Programs, index: number): Promise<Stage> {
  const block = model.blockGraph(index)
  const program = await programs.get(block.key, () => block.cached())
  return { block, program, weights: await uploadAll(backend, await model.readBlock(index)) }
}

interface Head {
  readonly norm: Program
  readonly logits: Program
  /** Parameters of the first, and `weight`, the whole output embedding, of the second. */
  readonly weights: Readonly<Record<string, Resident>>
  readonly embedding: Resident
}

async function loadHead(model: Model, backend: Backend, programs: Programs): Promise<Head> {
  const compile = (graph: Graph) => programs.get(structureKey(graph), () => graph)
  const { vocabSize } = model.config
  const parameters = await uploadAll(backend, await model.readHeadInput())
  const { weight } = await model.readHeadRows(0, vocabSize)
  const embedding = await backend.upload(weight, { move: true })
  return {
    norm: await compile(model.headInputGraph()),
    logits: await compile(logitsGraph(model, vocabSize)),
    weights: { ...parameters, 'head rows': embedding },
    embedding,
  }
}

async function* run(
  model: Model,
  stages: readonly Stage[],
  head: Head,
  prompt: readonly number[],
  options: GenerateOptions,
): AsyncGenerator<number> {
  if (prompt.length === 0) throw new RangeError('generate: the prompt has no tokens; give at least one')
  checkSampling(options)
  const { tokens, seed = 0, stopIds = model.config.eosIds, signal } = options
  const rng = createRng(seed)
  const ids = [...prompt]
  const cache = createKvCache(stages.length)
  try {
    for (let made = 0; made < tokens; made++) {
      signal?.throwIfAborted()
      if (outgrown(model, cache.length, ids.length)) cache.clear()
      const next = sampleToken(await nextLogits(model, stages, head, cache, ids, signal), options, rng)
      if (stopIds.includes(next)) return
      ids.push(next)
      yield next
    }
  } finally {
    cache.clear()
  }
}

/** Longrope turns all positions by other angles once the text is long: the keys kept so far are then wrong. */
const outgrown = ({ config: { rope } }: Model, before: number, after: number): boolean =>
  rope !== undefined && before > 0 && ropeSwitches(rope, before, after)

/** Logits `[vocabulary]` after the last of `ids`; what the cache lacks goes through the blocks. */
async function nextLogits(
  model: Model,
  stages: readonly Stage[],
  head: Head,
  cache: KvCache,
  ids: readonly number[],
  signal: AbortSignal | undefined,
): Promise<Float32Array> {
  let last: TensorF32 | undefined
  while (cache.length < ids.length) {
    signal?.throwIfAborted()
    last = await advance(model, stages, cache, ids.slice(cache.length, cache.length + CHUNK), ids.length)
  }
  const { norm, logits, weights, embedding } = head
  const { head_input } = await norm.run({ x: last!, ...weights })
  const result = await logits.run({ head_input: head_input!, weight: embedding })
  return (result.logits as TensorF32).data
}

/** Takes new ids through all blocks; gives the last position's hidden state, `[1, 1, hidden]`. */
async function advance(
  model: Model,
  stages: readonly Stage[],
  cache: KvCache,
  ids: readonly number[],
  total: number,
): Promise<TensorF32> {
  const input: Tensor = { dtype: 'i32', shape: [1, ids.length], data: Int32Array.from(ids) }
  let x: Tensor | Resident = await model.embed(input, cache.length)
  for (const [i, stage] of stages.entries()) {
    const y = await throughBlock(model, stage, cache, i, x, total)
    if ('release' in x) x.release()
    x = y
  }
  cache.length += ids.length
  const hidden = (await (x as Resident).read()) as TensorF32
  ;(x as Resident).release()
  const width = model.config.hiddenSize
  return { dtype: 'f32', shape: [1, 1, width], data: hidden.data.slice(-width) }
}

async function throughBlock(
  model: Model,
  { block, program, weights }: Stage,
  cache: KvCache,
  index: number,
  x: Tensor | Resident,
  total: number,
): Promise<Resident> {
  const tables = Object.fromEntries(model.tables(block, x.shape[1]!, cache.length, total))
  const [k, v] = cache.layers[index] ?? emptyPast(model, index)
  const results = await program.run(
    { x, ...weights, ...tables, 'past.k': k, 'past.v': v },
    { keep: ['y', 'present.k', 'present.v'] },
  )
  cache.layers[index]?.forEach(resident => {
    resident.release()
  })
  cache.layers[index] = [results['present.k'] as Resident, results['present.v'] as Resident]
  return results.y as Resident
}
