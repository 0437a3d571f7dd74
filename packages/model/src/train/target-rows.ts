import type { Tensor, TensorF32 } from '@sinter/tensor-core'

/** Token ids `[batch, length]`, and of every position how much the prediction of the next token counts. */
export interface TrainTokens {
  readonly ids: Tensor
  /** f32 `[batch, length]`, 0 or 1; the last column is 0, for nothing comes after it. */
  readonly weights: TensorF32
  /** Which document of its row a position belongs to, i32 `[batch, length]`: with `documents` of the learner. */
  readonly documents?: Tensor
  /** What a teacher thinks: for objectives that look at the `topK` most probable tokens. */
  readonly top?: TopTokens
}

/** The k most probable next tokens after every position, the most probable first. */
export interface TopTokens {
  /** i32 `[batch, length, k]` */
  readonly ids: Tensor
  /** ln p, normalised over the whole vocabulary, f32 `[batch, length, k]`. */
  readonly logProbs: TensorF32
}

/** The rows of one batch that have a target. */
export interface TargetRows {
  /** Positions in the flattened `[batch, tokens]`. */
  readonly at: Int32Array
  readonly labels: Int32Array
  /** Add up to 1 over a step. */
  readonly weights: Float32Array
  /** Of every position of the batch. */
  readonly top?: TopTokens | undefined
  /** The weights at their positions, 0 elsewhere, f32 `[batch, tokens]`. */
  readonly dense: TensorF32
}

/** @throws RangeError when no token of the step has a target */
export function targetRows(batches: readonly TrainTokens[]): TargetRows[] {
  const total = batches.reduce((sum, { weights }) => sum + weights.data.reduce((s, w) => s + w, 0), 0)
  if (!(total > 0)) throw new RangeError('training: no token of this step has a target; every label is masked')
  return batches.map(({ ids, weights, top }) => {
    const at = Int32Array.from(weights.data.keys()).filter(i => weights.data[i]! > 0)
    const dense = weights.data.map(weight => weight / total)
    return {
      at,
      labels: at.map(i => Number(ids.data[i + 1]!)),
      weights: Float32Array.from(at, i => dense[i]!),
      top,
      dense: { dtype: 'f32', shape: ids.shape, data: dense },
    }
  })
}

/** Every token of a batch of ids `[batch, length]` predicts the next one. */
export function everyToken(ids: Tensor): TrainTokens {
  const [batch, length] = ids.shape as readonly [number, number]
  const data = Float32Array.from({ length: batch * length }, (_, i) => (i % length === length - 1 ? 0 : 1))
  return { ids, weights: { dtype: 'f32', shape: [batch, length], data } }
}

/** Rows of `[batch, tokens, width]` as `[1, rows, width]`. @param at positions in the flattened `[batch, tokens]` */
export function pickRows({ dtype, shape, data }: Tensor, at: Int32Array): Tensor {
  const width = shape.at(-1)!
  const out = new (data.constructor as Float32ArrayConstructor)(at.length * width)
  for (const [i, row] of at.entries())
    out.set((data as Float32Array).subarray(row * width, (row + 1) * width), i * width)
  return { dtype, shape: [1, at.length, width], data: out }
}

/** The inverse: writes rows to their positions. */
export function placeRows(out: Float32Array, rows: Float32Array, at: Int32Array, width: number): void {
  for (const [i, row] of at.entries()) out.set(rows.subarray(i * width, (i + 1) * width), row * width)
}
