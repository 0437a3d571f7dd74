import type { Compute, TensorF32, Weight } from '@sinter/tensor-core'
import type { z } from 'zod'

/** What can be known about the input of a LayerGroup, summed over all calibration tokens. */
export type Statistic = 'gram' | 'sumSquares' | 'sumAbs' | 'maxAbs' | 'samples'

/** Statistics of one input x of width d. Only what was asked for is present. */
export interface Statistics {
  readonly tokens: number
  readonly sequences: number
  /** Σ x xᵀ, f64 [d, d], symmetric. */
  readonly gram?: Float64Array
  /** Σ x², f64 [d]. Present also when `gram` is. */
  readonly sumSquares?: Float64Array
  /** Σ |x|, f64 [d]. */
  readonly sumAbs?: Float64Array
  /** max |x|, f64 [d]. */
  readonly maxAbs?: Float64Array
  /** Evenly spaced rows of the input, f32 [n, d]. */
  readonly samples?: TensorF32
}

/** A numeric event worth telling: raised damping, dead columns, a fallback that was taken. Goes into the report. */
export interface Note {
  readonly code: string
  readonly message: string
  readonly value?: number
}

export interface MethodContext {
  readonly compute: Compute
  /** Name of the layer or group, for messages. */
  readonly name: string
  note(note: Note): void
}

export interface MethodBase<Options> {
  /** As the command line and recipes write it. */
  readonly name: string
  readonly title: string
  /** arXiv id or another reference that can be looked up. */
  readonly paper: string
  /** Validates options and fills in the defaults. */
  readonly options: z.ZodType<Options>
  /** Statistics that the method must have before it can work. */
  needs(options: Options): readonly Statistic[]
}

/** Replaces the matrices of one LayerGroup, which share one input, by Weights. */
export interface WeightMethod<Options = unknown> extends MethodBase<Options> {
  readonly kind: 'weight'
  /**
   * @param layers the matrices f32 [out, in] by name; all have the same `in`. They are lent: no Weight may keep their memory
   * @param statistics of their common input
   */
  compress(
    layers: ReadonlyMap<string, TensorF32>,
    statistics: Statistics,
    options: Options,
    context: MethodContext,
  ): Promise<ReadonlyMap<string, Weight>>
  /** Bits a weight of a matrix [out, in] is declared to take: what the plan shows and the suite holds the result to. */
  bitsPerWeight(shape: readonly [number, number], options: Options): number
}

/** Where a per-channel scale of a group's input can be absorbed so that the model's function stays the same. */
export type Producer =
  /** A norm: divide its weight (as stored: `offset` 1 means the norm multiplies by 1 + w) and bias. */
  | { readonly kind: 'norm'; readonly weight: string; readonly bias?: string; readonly offset: 0 | 1 }
  /**
   * A linear layer: divide rows `start … start + channels` of its weight and bias. With grouped-query attention the
   * input has `heads` groups of `headDim` channels that read `kvHeads` groups of rows.
   */
  | {
      readonly kind: 'linear'
      readonly weight: string
      readonly bias?: string
      readonly start: number
      readonly channels: number
      readonly heads?: { readonly heads: number; readonly kvHeads: number; readonly headDim: number }
    }

/** The matrices behind one input. */
export interface LayerGroup {
  /** Names of the linears inside the block, `self_attn.q_proj`; the first names the group. */
  readonly linears: readonly string[]
  readonly width: number
  readonly producer?: Producer
}

/** A block in dense f32 that a transform may rewrite, with what is known of its inputs. */
export interface TransformBlock {
  readonly groups: readonly LayerGroup[]
  statistics(group: LayerGroup): Statistics
  /** A stored tensor of the block, `self_attn.q_proj.weight`, f32. */
  tensor(name: string): TensorF32
  replace(name: string, tensor: TensorF32): void
  /**
   * What the smallest module around the group gives on the calibration samples (attention for q/k/v, the MLP for gate/up,
   * the linear itself for the rest), with some stored tensors replaced. f32 [samples, out].
   */
  moduleOutput(group: LayerGroup, replacements: ReadonlyMap<string, TensorF32>): Promise<TensorF32>
}

/** Moves scale, shift, rotation or order between layers; the model's function stays the same. */
export interface TransformMethod<Options = unknown> extends MethodBase<Options> {
  readonly kind: 'transform'
  transform(block: TransformBlock, options: Options, context: MethodContext): Promise<void>
}

export type Method = WeightMethod | TransformMethod
