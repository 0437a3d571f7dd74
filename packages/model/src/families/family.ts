import type { Node } from '@sinter/tensor-core'
import type { LayerConfig, ModelConfig } from '../config.ts'
import type { RawConfig } from '../config-keys.ts'
import type { Tracer } from './tracer.ts'

/** Where a family keeps its tensors, without the prefix. */
export interface TensorNames {
  /** What may stand before every name but the head's: the first one under which the embedding is found counts. */
  readonly prefixes: readonly string[]
  readonly embedding: string
  /** Learned positions, and which row belongs to position 0. */
  readonly positions?: { readonly name: string; readonly offset: number }
  /** Linear from the embedding's width to the stream's, where they differ. */
  readonly projectIn?: string
  /** Before a block's number. */
  readonly blocks: string
  /** Output embedding, as it is called with or without prefix. */
  readonly head: string
}

/** A model family: data, and the block as a traced computation. To add one: this, and one line in `families/index.ts`. */
export interface Family {
  readonly name: string
  /** `model_type` values that it answers to. */
  readonly modelTypes: readonly string[]
  readonly tensors: TensorNames
  /** What the family assumes for keys that config.json leaves out, in the spelling of `RawConfig`. */
  readonly defaults: Partial<RawConfig>
  /** False for families with learned positions. */
  readonly rotary?: boolean
  /** Whether block `index` sees only a window, when config.json names one. Absent: the family has no windows. */
  windowed?(raw: RawConfig, index: number): boolean
  /** What else differs from block to block. */
  layer?(raw: RawConfig, index: number, windowed: boolean): Partial<LayerConfig>
  /** Facts that are not read the usual way. @throws FormatError for options that are not computed */
  facts?(raw: RawConfig, headDim: number): Partial<ModelConfig>
  /** Block matrices that the checkpoint keeps as `[in, out]` (GPT-2's Conv1D), by canonical name. */
  readonly transposed?: readonly string[]
  /** One block: `x` f32 `['batch', 'tokens', hidden]` to the same shape. */
  block(t: Tracer, x: Node, layer: LayerConfig): Node
  /** From the last block's output to what the output embedding multiplies. Parameter names are without prefix. */
  headInput(t: Tracer, x: Node): Node
}
