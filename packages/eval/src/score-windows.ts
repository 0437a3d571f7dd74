import { forward, type Model } from '@sinter/model'
import type { Backend, Tensor } from '@sinter/tensor-core'
import { headPass, type Side } from './head-pass.ts'
import { scoredRows } from './scored-rows.ts'
import { joinScores, type TokenScores } from './token-scores.ts'
import type { Window } from './windows.ts'

/**
 * Hidden states that are kept at a time, in f32, for each model. 10 windows of 1,024 tokens and width 576 are 24 MB: one
 * group. Longer texts go in groups, and each group reads the weights once more, which is little beside multiplying them.
 */
const GROUP_BYTES = 64 * 2 ** 20

/** Tokens of a batch: enough rows for full speed; attention of `[batch, heads, tokens, tokens]` stays small. */
const BATCH_TOKENS = 1024

export interface ScoreOptions {
  readonly backend: Backend
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((progress: EvaluationProgress) => void) | undefined
  /** Tokens that walk through the blocks together. */
  readonly batchTokens?: number | undefined
  /** Most bytes of hidden states kept at a time for each model. */
  readonly groupBytes?: number | undefined
  /** Most bytes of a slice of an output embedding. */
  readonly sliceBytes?: number | undefined
}

/** Work done so far, in tokens that have passed a block or the whole head. */
export interface EvaluationProgress {
  readonly stage: 'base' | 'model' | 'head'
  readonly done: number
  readonly total: number
}

/** Scores every counting prediction of the windows, in order. */
export async function scoreWindows(
  model: Model,
  base: Model | undefined,
  windows: readonly Window[],
  options: ScoreOptions,
): Promise<TokenScores> {
  const tokens = windows[0]!.ids.length
  const width = Math.max(model.config.hiddenSize, base?.config.hiddenSize ?? 0)
  const size = Math.max(1, Math.floor((options.groupBytes ?? GROUP_BYTES) / (4 * width * tokens)))
  const progress = progressOf(model, base, windows, options)
  const parts: TokenScores[] = []
  for (let at = 0; at < windows.length; at += size)
    parts.push(await scoreGroup(model, base, windows.slice(at, at + size), options, progress))
  return joinScores(parts)
}

async function scoreGroup(
  model: Model,
  base: Model | undefined,
  windows: readonly Window[],
  options: ScoreOptions,
  progress: Progress,
): Promise<TokenScores> {
  const sides: Side[] = []
  try {
    if (base) sides.push({ model: base, inputs: await walk(base, windows, options, n => progress('base', n)) })
    sides.push({ model, inputs: await walk(model, windows, options, n => progress('model', n)) })
    const [last, first] = [sides.at(-1)!, base ? sides[0] : undefined]
    const targets = Int32Array.from(windows.flatMap(({ ids, first }) => [...ids.subarray(first + 1)]))
    const scored = windows.length * windows[0]!.ids.length
    let share = 0
    const onSlice = (rows: number, vocabulary: number) => {
      progress('head', (rows / vocabulary - share) * scored)
      share = rows / vocabulary
    }
    const { backend, signal, sliceBytes } = options
    return await headPass(targets, last, first, { backend, signal, sliceBytes, onSlice })
  } finally {
    for (const { inputs } of sides) inputs.release()
  }
}

/** One model's head inputs at the scored positions of a group of windows. */
async function walk(
  model: Model,
  windows: readonly Window[],
  { backend, signal, batchTokens = BATCH_TOKENS }: ScoreOptions,
  onTokens: (tokens: number) => void,
) {
  const { ids, first } = windows[0]!
  const onBlock = () => onTokens(windows.length * ids.length)
  const hidden = await forward(model, batches(windows, batchTokens), { backend, onBlock, ...(signal && { signal }) })
  return scoredRows(model, hidden, first, backend)
}

function batches(windows: readonly Window[], batchTokens: number): Tensor[] {
  const length = windows[0]!.ids.length
  const size = Math.max(1, Math.floor(batchTokens / length))
  return Array.from({ length: Math.ceil(windows.length / size) }, (_, i) => {
    const part = windows.slice(i * size, (i + 1) * size)
    const data = new Int32Array(part.length * length)
    part.forEach(({ ids }, row) => {
      data.set(ids, row * length)
    })
    return { dtype: 'i32', shape: [part.length, length], data }
  })
}

type Progress = (stage: EvaluationProgress['stage'], tokens: number) => void

function progressOf(
  model: Model,
  base: Model | undefined,
  windows: readonly Window[],
  { onProgress }: ScoreOptions,
): Progress {
  const tokens = windows.length * windows[0]!.ids.length
  const totals = { base: tokens * (base?.blocks ?? 0), model: tokens * model.blocks, head: tokens }
  const done = { base: 0, model: 0, head: 0 }
  return (stage, count) => {
    done[stage] += count
    onProgress?.({ stage, done: Math.round(done[stage]), total: totals[stage] })
  }
}
