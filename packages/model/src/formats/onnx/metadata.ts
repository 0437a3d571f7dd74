import type { KeptTensor } from './tensor-store.ts'
import type { FormRecord } from './weight-form.ts'

/** How the tensors of a checkpoint were stored, by their names there. */
export type TensorRecords = Map<string, TensorRecord>

export interface TensorRecord {
  readonly form: FormRecord
  /** The checkpoint keeps it as `[in, out]` (GPT-2), the form is `[out, in]`. */
  readonly flipped?: boolean
}

/** Key of the model's `metadata_props`: without it a file is for runtimes only. */
export const METADATA_KEY = 'sinter.tensors'

/** What `metadata_props` say, as JSON: enough to read the checkpoint again, compressed matrices with their own codes. */
export const metadataOf = (records: TensorRecords, kept: ReadonlyMap<string, KeptTensor>): Record<string, string> => ({
  [METADATA_KEY]: JSON.stringify({
    version: 1,
    tensors: Object.fromEntries(records),
    kept: Object.fromEntries(kept),
  }),
})
