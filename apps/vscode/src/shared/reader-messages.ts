import { array, boolean, type Guard, nullable, number, object, oneOf, optional, text, whole } from './guard.ts'
import { name, path } from './model-messages.ts'
import {
  type ComparedTensor,
  type Comparison,
  type EncodingShare,
  factKeys,
  type ModelHeader,
  type StatsOptions,
  type TensorDifference,
  type TensorRow,
  type TensorValues,
  type ValueSummary,
} from './model-reader.ts'

/** The readers of headers stop at fewer tensors. */
const tensorsMost = 2 ** 20
const shape: Guard<readonly number[]> = array(number, 16)
const counts: Guard<readonly number[]> = array(number, 2 ** 20)
const cells: Guard<readonly (number | null)[]> = array(nullable(number), 2 ** 20)

const pair =
  <A, B>(first: Guard<A>, second: Guard<B>): Guard<readonly [A, B]> =>
  (value, at) => {
    const both = array<unknown>(entry => entry, 2)(value, at)
    return [first(both[0], `${at}[0]`), second(both[1], `${at}[1]`)]
  }

export interface PathParams {
  readonly path: string
}

export const pathParams: Guard<PathParams> = object({ path })

export const modelHeader: Guard<ModelHeader> = object({
  kind: oneOf('safetensors', 'gguf', 'onnx'),
  tensors: number,
  values: number,
  bytes: number,
  encodings: array(object<EncodingShare>({ encoding: name, tensors: number, values: number, bytes: number }), 4096),
  facts: array(pair(oneOf(...factKeys), name), 4096),
  metadata: array(pair(name, text(2 ** 24)), 2 ** 20),
})

export interface TensorsParams {
  readonly path: string
  readonly start: number
  readonly count: number
}

export const tensorsParams: Guard<TensorsParams> = object({ path, start: whole(0, 2 ** 31), count: whole(0, 2 ** 20) })

export interface TensorsResult {
  readonly tensors: readonly TensorRow[]
}

export const tensorsResult: Guard<TensorsResult> = object({
  tensors: array(object<TensorRow>({ name, shape, encoding: name, values: number, bytes: number }), tensorsMost),
})

export interface TensorStatsParams {
  readonly path: string
  readonly tensor: string
  readonly options?: StatsOptions | undefined
}

const few = optional(whole(1, 4096)) as Guard<number>

/** Absent ones take the defaults of `tensorValues`. */
export const tensorStatsParams: Guard<TensorStatsParams> = object({
  path,
  tensor: name,
  options: optional(
    object<StatsOptions>({
      groupSize: optional(whole(1, 2 ** 31)) as Guard<number>,
      bins: few,
      parts: few,
      mapRows: few,
      mapColumns: few,
    }),
  ),
})

const maybe = nullable(number)

const summary: Guard<ValueSummary> = object({
  count: number,
  nan: number,
  positiveInfinity: number,
  negativeInfinity: number,
  zeros: number,
  min: maybe,
  max: maybe,
  absMax: maybe,
  mean: maybe,
  std: maybe,
  kurtosis: maybe,
})

const parts: Guard<TensorValues['rows']> = object({ each: number, parts: array(summary, 2 ** 16) })

export const tensorValuesResult: Guard<TensorValues> = object({
  matrix: pair(number, number),
  total: summary,
  histogram: object({ from: number, width: number, counts }),
  magnitudes: object({ first: number, negative: counts, positive: counts, zeros: number }),
  rows: parts,
  columnGroups: parts,
  map: object({ rows: number, columns: number, mean: cells, extreme: cells, unbounded: counts }),
})

export interface RowGroupsParams {
  readonly path: string
  readonly tensor: string
  readonly row: number
  readonly groupSize: number
}

export const rowGroupsParams: Guard<RowGroupsParams> = object({
  path,
  tensor: name,
  row: whole(0, Number.MAX_SAFE_INTEGER),
  groupSize: whole(1, 2 ** 31),
})

export interface RowGroupsResult {
  readonly groups: readonly ValueSummary[]
}

export const rowGroupsResult: Guard<RowGroupsResult> = object({ groups: array(summary, 2 ** 16) })

export interface TwoModels {
  readonly before: string
  readonly after: string
}

export const twoModels: Guard<TwoModels> = object({ before: path, after: path })

const side: Guard<ComparedTensor['before']> = object({ shape, encoding: name, bytes: number })
const names = array(name, tensorsMost)

export const comparison: Guard<Comparison> = object({
  both: array(object<ComparedTensor>({ name, before: side, after: side }), tensorsMost),
  onlyBefore: names,
  onlyAfter: names,
})

export interface DifferenceParams extends TwoModels {
  readonly tensor: string
}

export const differenceParams: Guard<DifferenceParams> = object({ before: path, after: path, tensor: name })

export const tensorDifference: Guard<TensorDifference> = object({
  values: number,
  unbounded: number,
  maxAbs: number,
  rms: number,
  relative: maybe,
  cosine: maybe,
  equal: boolean,
})

/** There is nothing to say. */
export type Nothing = Readonly<Record<string, never>>

export const nothing: Guard<Nothing> = object<Nothing>({})
