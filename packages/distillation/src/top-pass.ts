import { forward, type HiddenBatch, type Model, SinterError, type TopTokens } from '@sinter/model'
import {
  type Backend,
  type Graph,
  graph,
  input,
  linear,
  type Program,
  type Resident,
  reduceMax,
  softmax,
  type Tensor,
  type TensorF32,
  takeAlong,
  topIndices,
} from '@sinter/tensor-core'
import type { Question } from './teacher.ts'

/** Rows of the output embedding are read and multiplied in slices of so many bytes: all logits are never there at once. */
const SLICE_BYTES = 8 * 2 ** 20
/** Tokens that go through a block, and past a slice, together. */
const BATCH_TOKENS = 512

export interface TopPassOptions {
  readonly k: number
  /** Only the first tokens count: the rows after them are padding. */
  readonly vocabulary: number
  readonly sliceBytes?: number
  readonly signal?: AbortSignal | undefined
}

/**
 * The k most probable next tokens after every position, with ln p over the whole vocabulary: one pass through the blocks, then
 * one past the output embedding. f32 inside a slice, f64 across them; of equal logits the lower id is first.
 * @throws SinterError `teacher` when logits are not finite
 */
export async function topPass(
  model: Model,
  backend: Backend,
  question: Question,
  options: TopPassOptions,
): Promise<TopTokens> {
  const [rows, length] = question.ids.shape as readonly [number, number]
  const states = createBest(rows * length, options.k)
  const parts = cut(question)
  const batches = await forward(
    model,
    parts.map(part => part.ids),
    {
      backend,
      ...(question.documents && { documents: parts.map(part => part.documents!) }),
      ...(options.signal && { signal: options.signal }),
    },
  )
  try {
    await pastHead(model, backend, batches, states, options)
  } finally {
    for (const { hidden } of batches) hidden.release()
  }
  return finish(states, [rows, length, options.k], model.path)
}

/** Rows in batches. */
function cut({ ids, documents }: Question): Question[] {
  const [rows, length] = ids.shape as readonly [number, number]
  const step = Math.max(1, Math.floor(BATCH_TOKENS / length))
  const part = ({ dtype, data }: Tensor, start: number, end: number): Tensor => ({
    dtype,
    shape: [end - start, length],
    data: data.slice(start * length, end * length),
  })
  return Array.from({ length: Math.ceil(rows / step) }, (_, i) => {
    const [start, end] = [i * step, Math.min((i + 1) * step, rows)]
    return { ids: part(ids, start, end), ...(documents && { documents: part(documents, start, end) }) }
  })
}

async function pastHead(
  model: Model,
  backend: Backend,
  batches: readonly HiddenBatch[],
  states: Best,
  { k, vocabulary, sliceBytes = SLICE_BYTES, signal }: TopPassOptions,
): Promise<void> {
  const parameters: Record<string, Resident> = {}
  const programs = new Map<number, Program>()
  const step = Math.max(k, Math.floor(sliceBytes / 4 / model.config.embeddingSize))
  try {
    for (const [name, tensor] of await model.readHeadInput()) parameters[name] = await backend.upload(tensor)
    for (let start = 0; start < vocabulary; start += step) {
      const count = Math.min(step, vocabulary - start)
      const most = Math.min(k, count)
      const program = programs.get(most) ?? (await backend.compile(sliceGraph(model, most)))
      programs.set(most, program)
      const rows = await backend.upload((await model.readHeadRows(start, count)).weight, { move: true })
      try {
        let token = 0
        for (const { hidden } of batches) {
          signal?.throwIfAborted()
          const results = await program.run({ ...parameters, x: hidden, rows })
          token = takeIn(states, results as unknown as SliceResults, start, token)
        }
      } finally {
        rows.release()
      }
    }
  } finally {
    for (const resident of Object.values(parameters)) resident.release()
    for (const program of programs.values()) await program.close()
  }
}

interface SliceResults {
  /** Indices in the slice, i32 `[batch, tokens, most]`, and the logits there. */
  readonly ids: Tensor
  readonly logits: TensorF32
  /** The largest probability within the slice, `[batch, tokens, 1]`. */
  readonly peak: TensorF32
}

/** ln Σ exp within the slice is largest logit − ln peak, which needs no operation of its own. */
function sliceGraph(model: Model, most: number): Graph {
  const headInput = model.headInputGraph().outputs.get('head_input')!
  const all = model.finishLogits(linear(headInput, input('rows', 'f32', ['rows', model.config.embeddingSize])))
  const ids = topIndices(all, most)
  return graph({ ids, logits: takeAlong(all, ids), peak: reduceMax(softmax(all), [-1]) })
}

/** The best so far of every token, and ln Σ exp of all logits so far. */
interface Best {
  readonly k: number
  readonly ids: Int32Array
  readonly logits: Float64Array
  readonly logSum: Float64Array
}

const createBest = (tokens: number, k: number): Best => ({
  k,
  ids: new Int32Array(tokens * k),
  logits: new Float64Array(tokens * k).fill(Number.NEGATIVE_INFINITY),
  logSum: new Float64Array(tokens).fill(Number.NEGATIVE_INFINITY),
})

/** @param token of the first row; the number after the last is returned */
function takeIn(best: Best, { ids, logits, peak }: SliceResults, start: number, token: number): number {
  const most = ids.shape.at(-1)!
  const rows = peak.data.length
  const found = ids.data as Int32Array
  for (let row = 0; row < rows; row++) {
    const here = logits.data[row * most]! - Math.log(peak.data[row]!)
    const before = best.logSum[token + row]!
    const larger = Math.max(before, here)
    best.logSum[token + row] = larger + Math.log(Math.exp(before - larger) + Math.exp(here - larger))
    merge(best, token + row, start, found, logits.data, row * most, most)
  }
  return token + rows
}

/** Two lists in order to the k first of both; what was there first wins among equals, and has the lower ids. */
function merge(
  { k, ids, logits }: Best,
  token: number,
  start: number,
  newIds: Int32Array,
  newLogits: Float32Array,
  from: number,
  most: number,
): void {
  const oldIds = ids.slice(token * k, (token + 1) * k)
  const oldLogits = logits.slice(token * k, (token + 1) * k)
  for (let at = token * k, i = 0, j = 0; at < (token + 1) * k; at++) {
    const takesNew = j < most && newLogits[from + j]! > oldLogits[i]!
    logits[at] = takesNew ? newLogits[from + j]! : oldLogits[i]!
    ids[at] = takesNew ? start + newIds[from + j++]! : oldIds[i++]!
  }
}

function finish({ k, ids, logits, logSum }: Best, shape: readonly number[], name: string): TopTokens {
  const wrong = logSum.findIndex(value => !Number.isFinite(value))
  if (wrong !== -1)
    throw new SinterError(
      'teacher',
      `${name} gives logits that are not finite at position ${wrong} of ${logSum.length}; check its weights for NaN or overflow`,
    )
  // What is certain may round to a little more than that.
  const logProbs = Float32Array.from(logits, (value, i) => Math.min(0, value - logSum[Math.floor(i / k)]!))
  return { ids: { dtype: 'i32', shape, data: ids }, logProbs: { dtype: 'f32', shape, data: logProbs } }
}
