import type { TensorF32, Weight } from '@sinter/tensor-core'
import type { LinearRewrite } from '../families/tracer.ts'
import type { MethodBase } from '../method.ts'
import type { Model } from '../model.ts'

/** What a method of kind `train` does to a model before, and after, its parameters move. */
export interface TrainSetup {
  /** How linear layers compute meanwhile. */
  readonly rewrite?: LinearRewrite
  /** What moves: values by stored name, of the model's own tensors or of those that `rewrite` brings in. Changed in place. */
  readonly parameters: ReadonlyMap<string, TensorF32>
  /** Tensors that `rewrite` brings in and that stay. */
  readonly constants?: ReadonlyMap<string, TensorF32>
  /** What replaces the checkpoint's values from the start, frozen: a backbone that was rounded. */
  readonly frozen?: ReadonlyMap<string, Weight>
  /**
   * The matrix that a linear layer computes with, given its own weight as it is now: an adapter merged, a rounding done.
   * undefined where the model's own tensor says it.
   * @param layer stored name without `.weight`
   * @param weight f32 `[out, in]`
   */
  merge?(layer: string, weight: TensorF32): TensorF32 | Weight | undefined
}

/** Moves parameters down a loss. */
export interface TrainMethod<Options = unknown> extends MethodBase<Options> {
  readonly kind: 'train'
  setUp(model: Model, options: Options, context: { readonly seed: number }): Promise<TrainSetup>
}
