import type { InputNode, Tensor } from '@sinter/tensor-core'
import type { Model } from '../../model.ts'
import type { TableType } from './embedding.ts'
import type { TensorRecord, TensorRecords } from './metadata.ts'
import type { Rotation } from './rotary.ts'
import type { Sequence } from './sequence.ts'
import type { OnnxSource } from './source-of.ts'
import type { OnnxType } from './types.ts'
import type { FormContext } from './weight-form.ts'

export interface DecoderJob {
  readonly model: Model
  readonly source: OnnxSource
  readonly type: OnnxType
  readonly blockSize: number
  readonly embeddings: TableType
  readonly genai: boolean
  readonly signal: AbortSignal | undefined
  readonly onTensor: ((done: number, total: number) => void) | undefined
}

/** What the parts of a decoder share. */
export interface DecoderParts {
  readonly sequence: Sequence
  readonly rotation: Rotation
  readonly records: TensorRecords
  /** Says that a stored tensor is done. */
  readonly tick: () => void
}

/** Takes down how a tensor of the checkpoint was stored. */
export function keepRecord(
  records: TensorRecords,
  source: OnnxSource,
  stored: string,
  form: TensorRecord['form'],
  flipped = false,
): void {
  records.set(stored, { shape: source.info(stored).shape, form, ...(flipped && { flipped }) })
}

/** Graph inputs: the stream, tables of positions, and vectors, which are stored when they are first used. */
export function bindWith(
  { store }: FormContext,
  { rotation, records }: DecoderParts,
  x: string,
  names: ReadonlyMap<string, string>,
  vectors: ReadonlyMap<string, Tensor>,
): (node: InputNode) => string {
  return ({ attributes: { name } }) => {
    if (name === 'x') return x
    if (/^(full|local)\.(cos|sin)$/.test(name)) return rotation.table(name)
    const vector = vectors.get(name)
    // A matrix: its linear stores it.
    if (!vector) return name
    const stored = names.get(name)!
    records.set(stored, { shape: vector.shape, form: { kind: 'plain', values: stored, dtype: 'f32' } })
    return store.put(stored, vector)
  }
}
