import { forward, type Model, SinterError } from '@sinter/model'
import type { Backend, Tensor, TensorF32 } from '@sinter/tensor-core'

export type KeepStrategy = 'first' | 'last' | 'both-ends' | 'even'

/**
 * Which blocks a student starts with: the first or last ones, half from each end, or evenly spread with both ends.
 * @throws SinterError `option` when so many cannot be kept
 */
export function keptBlocks(total: number, count: number, strategy: KeepStrategy): number[] {
  if (!Number.isInteger(count) || count < 1 || count > total)
    throw new SinterError('option', `student: ${count} of ${total} blocks cannot be kept; keep 1 … ${total}`)
  const head = Math.ceil(count / 2)
  const of: Readonly<Record<KeepStrategy, (i: number) => number>> = {
    first: i => i,
    last: i => total - count + i,
    'both-ends': i => (i < head ? i : total - count + i),
    even: i => (count === 1 ? 0 : Math.round((i * (total - 1)) / (count - 1))),
  }
  return Array.from({ length: count }, (_, i) => of[strategy](i))
}

/** The blocks that change hidden states most, in order; of equals the lower ones. */
export function mostInfluential(influence: readonly number[], count: number): number[] {
  if (!Number.isInteger(count) || count < 1 || count > influence.length)
    throw new SinterError('option', `student: ${count} of ${influence.length} blocks cannot be kept`)
  const order = [...influence.keys()].sort((a, b) => influence[b]! - influence[a]! || a - b)
  return order.slice(0, count).sort((a, b) => a - b)
}

/** Of every block 1 − cos(what enters, what leaves), the mean over all tokens (block influence, 2403.03853 §3.1). */
export async function blockInfluence(model: Model, backend: Backend, batches: readonly Tensor[]): Promise<number[]> {
  const sums: number[] = []
  let before: readonly TensorF32[] = []
  const hidden = await forward(model, batches, {
    backend,
    async onHidden(block, states) {
      const now = await Promise.all(states.map(async ({ hidden: x }) => (await x.read()) as TensorF32))
      if (block > 0) sums.push(meanChange(before, now))
      before = now
    },
  })
  for (const { hidden: x } of hidden) x.release()
  return sums
}

function meanChange(before: readonly TensorF32[], now: readonly TensorF32[]): number {
  let [sum, tokens] = [0, 0]
  for (const [b, { shape, data }] of now.entries()) {
    const width = shape[2]!
    for (let from = 0; from < data.length; from += width, tokens++)
      sum += 1 - cosine(before[b]!.data.subarray(from, from + width), data.subarray(from, from + width))
  }
  return sum / tokens
}

function cosine(a: Float32Array, b: Float32Array): number {
  let [ab, aa, bb] = [0, 0, 0]
  for (const [i, x] of a.entries()) {
    ab += x * b[i]!
    aa += x * x
    bb += b[i]! * b[i]!
  }
  return ab / Math.sqrt(aa * bb || 1)
}
