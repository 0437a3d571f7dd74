import { type DType, dtypes } from '@sinter/tensor-core'
import { FormatError } from '../format-error.ts'
import { isObject, type JsonObject, parseJsonStrict } from '../json-strict.ts'
import { checkLocation, type Initializer, type ModelFile } from './model-file.ts'
import type { KeptTensor } from './tensor-store.ts'
import type { FormRecord } from './weight-form.ts'

/** How the tensors of a checkpoint were stored, by their names there. */
export type TensorRecords = Map<string, TensorRecord>

export interface TensorRecord {
  /** In the checkpoint. */
  readonly shape: readonly number[]
  readonly form: FormRecord
  /** The checkpoint keeps it as `[in, out]` (GPT-2), the form is `[out, in]`. */
  readonly flipped?: boolean
}

/** Key of the model's `metadata_props`: without it a file is for runtimes only. */
export const METADATA_KEY = 'sinter.tensors'

/** What `metadata_props` say, as JSON: enough to read the checkpoint again, compressed matrices with their own codes. */
export const metadataOf = (records: TensorRecords, kept: ReadonlyMap<string, KeptTensor>): Record<string, string> => ({
  [METADATA_KEY]: JSON.stringify({ version: 1, tensors: Object.fromEntries(records), kept: Object.fromEntries(kept) }),
})

/** A model file as a checkpoint. */
export interface StoredModel {
  readonly records: TensorRecords
  /** Everything stored, by the names that records use. */
  readonly tensors: ReadonlyMap<string, Initializer>
}

/** @throws FormatError `unsupported` for a model that was not written by `writeOnnx`, `schema` for metadata that are not sound */
export function parseMetadata({ initializers, metadata }: ModelFile, where: string): StoredModel {
  const bytes = metadata.get(METADATA_KEY)
  if (!bytes)
    throw new FormatError(
      'unsupported',
      `${where}: has no "${METADATA_KEY}": only models that this program wrote can be read again`,
    )
  const value = parseJsonStrict(bytes, where)
  if (!isObject(value) || value.version !== 1 || !isObject(value.tensors) || !isObject(value.kept))
    throw new FormatError('schema', `${where}: "${METADATA_KEY}": expected version 1 with tensors and kept`)
  const tensors = new Map(initializers)
  for (const [name, entry] of Object.entries(value.kept)) {
    if (tensors.has(name)) throw new FormatError('duplicate', `${where}: ${JSON.stringify(name)} is stored twice`)
    tensors.set(name, keptOf(entry, name, where))
  }
  const records: TensorRecords = new Map()
  for (const [name, entry] of Object.entries(value.tensors)) records.set(name, recordOf(entry, name, where))
  return { records, tensors }
}

const isShape = (value: unknown): value is readonly number[] =>
  Array.isArray(value) && value.length <= 8 && value.every(dim => Number.isSafeInteger(dim) && dim >= 0)

/** Of JSON: a representation in another takes two levels, and no method nests deeper than two or three of them. */
const MAX_DEPTH = 16

const isDeeper = (value: unknown, levels: number): boolean =>
  typeof value === 'object' &&
  value !== null &&
  (levels === 0 || Object.values(value).some(v => isDeeper(v, levels - 1)))

function recordOf(entry: unknown, name: string, where: string): TensorRecord {
  if (!isObject(entry) || !isShape(entry.shape) || !isObject(entry.form) || typeof entry.form.kind !== 'string')
    throw new FormatError('schema', `${where}: ${JSON.stringify(name)}: expected a record with a shape and a form`)
  if (isDeeper(entry.form, MAX_DEPTH))
    throw new FormatError('limit', `${where}: ${JSON.stringify(name)}: a form of more than ${MAX_DEPTH} levels`)
  return { shape: entry.shape, form: entry.form as FormRecord, ...(entry.flipped === true && { flipped: true }) }
}

function keptOf(entry: unknown, name: string, where: string): Initializer {
  const { dtype, shape, location, offset, length } = (isObject(entry) ? entry : {}) as JsonObject
  const known = typeof dtype === 'string' && Object.hasOwn(dtypes, dtype)
  if (!known || !isShape(shape) || !isShape([offset, length]))
    throw new FormatError('schema', `${where}: ${JSON.stringify(name)}: expected a stored tensor`)
  const size = shape.reduce((product, dim) => product * dim, dtypes[dtype as DType].bytes)
  if (size !== length)
    throw new FormatError(
      'size',
      `${where}: ${JSON.stringify(name)}: ${dtype} [${shape}] has ${size} bytes, got ${String(length)}`,
    )
  const place = { location: checkLocation(location, name, where), offset: Number(offset), length: size }
  return { dtype: dtype as DType, shape, data: place }
}
