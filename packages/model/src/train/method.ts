import type { TensorF32, Weight } from '@sinter/tensor-core'
import type { LinearRewrite } from '../families/tracer.ts'
import type { MethodBase } from '../method.ts'
import type { Model } from '../model.ts'
import type { GradientMap } from './gradients.ts'

/** A step of a run, from 0. */
export interface StepAt {
  readonly step: number
  /** Of the whole run. */
  readonly steps: number
}

/** What happens around a step besides gradients and the optimizer. */
export interface StepHooks {
  /** Before the gradients are computed: changes `stepInputs` in place. */
  beforeStep?(at: StepAt): void
  /**
   * Adds to the gradients of the loss those of a penalty on parameters.
   * @returns what the penalty is made of, by name: the loss that is made smaller is `loss` and these
   */
  penalty?(gradients: GradientMap): Readonly<Record<string, number>>
  /** After the parameters moved: projection, averaging, pruning of ranks. The gradients are those of the step, clipped. */
  afterStep?(at: StepAt, gradients: GradientMap): void
}

/** ΔW = scale · B A, beside a matrix `[out, in]` that stays. */
export interface LowRankFactors {
  /** f32 `[rank, in]` */
  readonly a: TensorF32
  /** f32 `[out, rank]` */
  readonly b: TensorF32
  readonly scale: number
}

/** What a method of kind `train` does to a model before, and after, its parameters move. */
export interface TrainSetup extends StepHooks {
  /** How linear layers compute meanwhile. */
  readonly rewrite?: LinearRewrite
  /** What moves: values by stored name, of the model's own tensors or of those that `rewrite` brings in. Changed in place. */
  readonly parameters: ReadonlyMap<string, TensorF32>
  /** Tensors that `rewrite` brings in and that stay. */
  readonly constants?: ReadonlyMap<string, TensorF32>
  /** Small tensors that `rewrite` brings in and that `beforeStep` and `afterStep` change. */
  readonly stepInputs?: ReadonlyMap<string, TensorF32>
  /** What the hooks remember from step to step, changed in place: it belongs into a checkpoint beside the parameters. */
  readonly state?: ReadonlyMap<string, TensorF32>
  /**
   * Lets parameters begin better for what rounding took from a frozen matrix. Called once for each that was rounded, before the first
   * step of a run; one that goes on has its parameters.
   * @param layer stored name without `.weight`
   * @param weight f32 `[out, in]`
   * @param rounded what stands in its place, f32 `[out, in]`
   * @param gram of what enters the layer, in f64 `[in, in]`
   */
  makeUp?(layer: string, weight: TensorF32, rounded: TensorF32, gram: Float64Array): Promise<void>
  /** What replaces the checkpoint's values from the start, frozen: a backbone that was rounded. */
  readonly frozen?: ReadonlyMap<string, Weight>
  /**
   * The matrix that a linear layer computes with, given its own weight as it is now: an adapter merged, a rounding done.
   * undefined where the model's own tensor says it.
   * @param layer stored name without `.weight`
   * @param weight f32 `[out, in]`
   */
  merge?(layer: string, weight: TensorF32): TensorF32 | Weight | undefined
  /**
   * The bias that goes with `merge`; undefined where the model's own tensor says it. Only asked for layers that have a bias.
   * @param weight the layer's own, f32 `[out, in]`
   * @param bias f32 `[out]`
   */
  mergeBias?(layer: string, weight: TensorF32, bias: TensorF32): TensorF32 | undefined
  /** What was trained as adapters beside the layers, by stored name without `.weight`, when it is nothing else. */
  adapter?(): ReadonlyMap<string, LowRankFactors>
}

/** Moves parameters down a loss. */
export interface TrainMethod<Options = unknown> extends MethodBase<Options> {
  readonly kind: 'train'
  setUp(model: Model, options: Options, context: { readonly seed: number }): Promise<TrainSetup>
}
