import type { TensorDifference, TensorValues, TensorValuesOptions, ValueSummary } from '@sinter/eval'

/** One tensor as it is stored. */
export interface TensorRow {
  readonly name: string
  /** Row-major; for a matrix `[out, in]`. */
  readonly shape: readonly number[]
  /** As the file names it: `BF16`, `Q4_K`. */
  readonly encoding: string
  readonly values: number
  readonly bytes: number
}

/** The share of one encoding. */
export interface EncodingShare {
  readonly encoding: string
  readonly tensors: number
  readonly values: number
  readonly bytes: number
}

export const factKeys = [
  'architecture',
  'blocks',
  'hiddenSize',
  'feedForwardSize',
  'heads',
  'keyValueHeads',
  'headSize',
  'experts',
  'context',
  'vocabulary',
  'tied',
  'compression',
] as const
export type FactKey = (typeof factKeys)[number]

/** What is known of a model from its header and the small files beside it. */
export interface ModelHeader {
  readonly kind: 'safetensors' | 'gguf' | 'onnx'
  readonly tensors: number
  readonly values: number
  /** Of the tensors. */
  readonly bytes: number
  readonly encodings: readonly EncodingShare[]
  readonly facts: readonly (readonly [FactKey, string])[]
  /** Long values are cut, with how much they had. */
  readonly metadata: readonly (readonly [string, string])[]
}

export type StatsOptions = Pick<TensorValuesOptions, 'groupSize' | 'bins' | 'parts' | 'mapRows' | 'mapColumns'>

export type { TensorDifference, TensorValues, ValueSummary }

/** A tensor that both of two models have, under the name that the checkpoint gives it. */
export interface ComparedTensor {
  readonly name: string
  readonly before: Pick<TensorRow, 'shape' | 'encoding' | 'bytes'>
  readonly after: Pick<TensorRow, 'shape' | 'encoding' | 'bytes'>
}

export interface Comparison {
  readonly both: readonly ComparedTensor[]
  readonly onlyBefore: readonly string[]
  readonly onlyAfter: readonly string[]
}

export interface ReadControl {
  readonly signal?: AbortSignal
  /** Values read so far, and all there are. */
  readonly onProgress?: (done: number, total: number) => void
}

/**
 * Reads models for the viewers, in whatever process. A path is opened by the first call that names it and stays open until as many
 * `close` have come as `open` (`endComparison` as `compare`); a reader that was started anew opens it again.
 */
export interface ModelReader {
  /** Reads the header and nothing else. @throws for files that are refused, with the reason */
  open(path: string): Promise<ModelHeader>
  /** In the order of the file. */
  tensors(path: string, start: number, count: number): Promise<readonly TensorRow[]>
  stats(path: string, tensor: string, options?: StatsOptions, control?: ReadControl): Promise<TensorValues>
  /** Groups of `groupSize` neighbours of one row of the tensor's matrix, at most 4096. */
  rowGroups(path: string, tensor: string, row: number, groupSize: number): Promise<readonly ValueSummary[]>
  /** Tensors by the names of the checkpoint, whatever the files call them; compressed matrices count as what they stand for. */
  compare(before: string, after: string): Promise<Comparison>
  difference(before: string, after: string, tensor: string, control?: ReadControl): Promise<TensorDifference>
  close(path: string): Promise<void>
  endComparison(before: string, after: string): Promise<void>
}

/** Bits that one value takes, scales and zero points of its block included. */
export const bitsOf = ({ bytes, values }: { readonly bytes: number; readonly values: number }): number =>
  values === 0 ? 0 : (bytes * 8) / values
