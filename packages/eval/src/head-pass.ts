import type { Model } from '@sinter/model'
import { type Backend, type Program, type Resident, type Tensor, toTensor } from '@sinter/tensor-core'
import { headGraph } from './head-graph.ts'
import { type Running, running, takeIn } from './running.ts'
import type { ScoredRows } from './scored-rows.ts'
import type { TokenScores } from './token-scores.ts'

/**
 * Rows of the output embedding are streamed once, in slices of at most this many bytes, past all tokens.
 *
 * Why slices of rows: the whole output embedding of a 135 M model is 113 MB in f32, 226 MB for two models; a slice of 8 MB
 * each with five `[256, rows]` temporaries of 4 MB stays near 40 MB. Why one pass is enough for KL: with L = ln Σ exp,
 * KL = Σ p_b (b − m) − L_b + L_m, and Σ p_b (b − m) can be carried along like a log-sum-exp. So both heads are multiplied
 * once; the rest is about a tenth of that (5 ms beside 46 ms for [256, 4096] and width 576 on one core).
 */
const SLICE_BYTES = 8 * 2 ** 20

export interface HeadPassOptions {
  readonly backend: Backend
  readonly signal?: AbortSignal | undefined
  readonly sliceBytes?: number | undefined
  readonly onSlice?: ((rows: number, vocabulary: number) => void) | undefined
}

/** A model with its head inputs of all scored positions. */
export interface Side {
  readonly model: Model
  readonly inputs: ScoredRows
}

/**
 * Scores of every token: −ln p, and against a base KL and agreement. f32 inside a slice of rows, f64 across slices.
 * @param targets ids of the tokens that came, one for each row of the head inputs
 * @throws RangeError when a model's logits are not finite
 */
export async function headPass(
  targets: Int32Array,
  model: Side,
  base: Side | undefined,
  options: HeadPassOptions,
): Promise<TokenScores> {
  const sides = base ? { model, base } : { model }
  const states = { model: running(targets.length), base: running(targets.length) }
  const cross = new Float64Array(targets.length)
  const vocabulary = model.model.config.vocabSize
  const rows = sliceRows(Math.max(model.inputs.width, base?.inputs.width ?? 0), options.sliceBytes ?? SLICE_BYTES)
  let program: Program | undefined
  try {
    for (let start = 0; start < vocabulary; start += rows) {
      const count = Math.min(rows, vocabulary - start)
      const heads = await uploadRows(sides, start, count, options.backend)
      program ??= await options.backend.compile(
        headGraph(headOf(model, 'model.bias' in heads), base && headOf(base, 'base.bias' in heads)),
      )
      for (const chunk of model.inputs.chunks.keys()) {
        options.signal?.throwIfAborted()
        await scoreChunk(program, { sides, heads, states, cross, targets, start, count, chunk })
      }
      for (const resident of Object.values(heads)) resident.release()
      options.onSlice?.(start + count, vocabulary)
    }
  } finally {
    await program?.close()
  }
  return finish(states.model, base ? states.base : undefined, cross)
}

const sliceRows = (width: number, bytes: number): number => Math.max(16, Math.floor(bytes / 4 / width / 16) * 16)

const headOf = ({ model, inputs }: Side, bias: boolean) => ({
  width: inputs.width,
  bias,
  finish: model.finishLogits.bind(model),
})

async function uploadRows(sides: Readonly<Record<string, Side>>, start: number, count: number, backend: Backend) {
  const heads: Record<string, Resident> = {}
  for (const [name, { model }] of Object.entries(sides)) {
    const { weight, bias } = await model.readHeadRows(start, count)
    heads[`${name}.weight`] = await backend.upload(weight)
    if (bias) heads[`${name}.bias`] = await backend.upload(bias)
  }
  return heads
}

interface ChunkWork {
  readonly sides: { readonly model: Side; readonly base?: Side }
  readonly heads: Readonly<Record<string, Resident>>
  readonly states: { readonly model: Running; readonly base: Running }
  readonly cross: Float64Array
  readonly targets: Int32Array
  readonly start: number
  readonly count: number
  readonly chunk: number
}

async function scoreChunk(program: Program, work: ChunkWork): Promise<void> {
  const { sides, heads, targets, start, count, chunk } = work
  const { first, tokens } = sides.model.inputs.chunks[chunk]!
  const local = Int32Array.from({ length: tokens }, (_, i) =>
    Math.min(Math.max(targets[first + i]! - start, 0), count - 1),
  )
  const x = Object.fromEntries(
    Object.entries(sides).map(([name, side]) => [`${name}.x`, side.inputs.chunks[chunk]!.rows]),
  )
  const results = await program.run({ ...heads, ...x, target: { dtype: 'i32', shape: [tokens, 1], data: local } })
  const values: Record<string, ArrayLike<number>> = {}
  for (const [name, value] of Object.entries(results)) values[name] = numbers(await toTensor(value))
  for (let i = 0; i < tokens; i++) combine(work, values, first + i, i)
}

const numbers = ({ data }: Tensor): ArrayLike<number> => data as Float32Array | Int32Array

function combine(work: ChunkWork, values: Readonly<Record<string, ArrayLike<number>>>, token: number, i: number): void {
  const { start, count, targets, sides, states, cross } = work
  const here = targets[token]! >= start && targets[token]! < start + count
  const take = (name: 'model' | 'base') =>
    takeIn(states[name], token, {
      start,
      index: values[`${name}.index`]![i]!,
      top: values[`${name}.top`]![i]!,
      peak: values[`${name}.peak`]![i]!,
      target: here ? values[`${name}.target`]![i]! : undefined,
    })
  take('model')
  if (!sides.base) return
  const [old, slice] = take('base')
  cross[token] = (old > 0 ? cross[token]! * old : 0) + values.cross![i]! * slice
}

function finish(model: Running, base: Running | undefined, cross: Float64Array): TokenScores {
  const nll = nllOf(model, 'the model')
  if (!base) return { nll }
  const kl = cross.map((value, i) => value - base.logSum[i]! + model.logSum[i]!)
  const sameTop = Uint8Array.from(model.topIndex, (index, i) => (index === base.topIndex[i] ? 1 : 0))
  return { nll, base: { nll: nllOf(base, 'the base'), kl, sameTop } }
}

function nllOf(state: Running, whose: string): Float64Array {
  const nll = state.logSum.map((sum, i) => sum - state.target[i]!)
  const bad = nll.reduce((n, value) => (Number.isFinite(value) ? n : n + 1), 0)
  if (bad > 0)
    throw new RangeError(
      `${whose} gives logits that are not finite at ${bad} of ${nll.length} positions; check its weights for NaN or overflow`,
    )
  return nll
}
