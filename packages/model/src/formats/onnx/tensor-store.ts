import { join } from 'node:path'
import {
  bytesOf,
  type DType,
  dtypes,
  type ExternalData,
  type OnnxBuilder,
  sizeOf,
  type Tensor,
} from '@sinter/tensor-core'
import { type AtomicFile, createAtomicFile } from '../../io/atomic.ts'

/** Browsers hold a file in one ArrayBuffer, which ends at 2 GiB; transformers.js looks for `_data`, `_data_1`, … */
const MAX_CHUNK_BYTES: number = 2 ** 31 - 2 ** 20
/** Windows maps files at 64 KiB, everything else at a page: a tensor that begins at a page can be mapped without a copy. */
export const ALIGNMENT = 4096
/** Tensors smaller than this stay in the model file: a page of their own would be mostly padding. */
const INLINE_BYTES = 1024

/** A tensor whose bytes come in pieces. */
export interface StoredPieces {
  readonly name: string
  write(bytes: Uint8Array, at: number): Promise<void>
}

/** Where a tensor lies that only readers of ours look for: no node of the model uses it. */
export interface KeptTensor extends ExternalData {
  readonly dtype: DType
  readonly shape: readonly number[]
}

/** The tensors of a model that is being written: initializers, their bytes in files beside it. */
export interface TensorStore {
  /** Makes an initializer; its bytes are written by the next `flush`. */
  put(name: string, tensor: Tensor): string
  /** Another initializer over the bytes of one that is there: the same numbers under another shape. */
  alias(name: string, of: string, shape: readonly number[]): string
  /** An initializer whose bytes are not there yet. */
  reserve(name: string, dtype: DType, shape: readonly number[]): StoredPieces
  /** Stores a tensor without making it part of the model. */
  keep(name: string, tensor: Tensor): string
  readonly kept: ReadonlyMap<string, KeptTensor>
  flush(): Promise<void>
  /** Names of the data files, once all is written. */
  commit(): Promise<readonly string[]>
  abort(): Promise<void>
}

interface Pending {
  readonly place: ExternalData
  readonly bytes: Uint8Array
}

/**
 * @param file name of the model file; data goes to `FILE_data`, `FILE_data_1` … in `folder`
 * @param maxChunkBytes size of a data file; a tensor larger than that gets one of its own
 */
export function createTensorStore(
  builder: OnnxBuilder,
  folder: string,
  file: string,
  maxChunkBytes: number = MAX_CHUNK_BYTES,
): TensorStore {
  const names: string[] = []
  const files = new Map<string, AtomicFile>()
  const places = new Map<string, { dtype: DType; place: ExternalData | Uint8Array }>()
  const kept = new Map<string, KeptTensor>()
  let pending: Pending[] = []
  let end = 0
  const allocate = (length: number): ExternalData => {
    const offset = Math.ceil(end / ALIGNMENT) * ALIGNMENT
    const fits = names.length > 0 && (offset === 0 || offset + length <= maxChunkBytes)
    if (!fits) names.push(names.length === 0 ? `${file}_data` : `${file}_data_${names.length}`)
    const place = { location: names.at(-1)!, offset: fits ? offset : 0, length }
    end = place.offset + length
    return place
  }
  const write = async ({ location, offset, length }: ExternalData, bytes: Uint8Array, at: number): Promise<void> => {
    let target = files.get(location)
    if (!target) files.set(location, (target = await createAtomicFile(join(folder, location), offset + length)))
    await target.write(bytes, offset + at)
  }
  const declare = (name: string, dtype: DType, shape: readonly number[], place: ExternalData | Uint8Array): string => {
    places.set(name, { dtype, place })
    return builder.initializer(name, dtype, shape, place)
  }
  return {
    put(name, tensor) {
      const bytes = bytesOf(tensor)
      if (bytes.length < INLINE_BYTES) return declare(name, tensor.dtype, tensor.shape, bytes)
      const place = allocate(bytes.length)
      pending.push({ place, bytes })
      return declare(name, tensor.dtype, tensor.shape, place)
    },
    alias(name, of, shape) {
      const { dtype, place } = places.get(of)!
      return declare(name, dtype, shape, place)
    },
    reserve(name, dtype, shape) {
      const place = allocate(sizeOf(shape) * dtypes[dtype].bytes)
      declare(name, dtype, shape, place)
      return { name, write: (bytes, at) => write(place, bytes, at) }
    },
    keep(name, tensor) {
      const place = allocate(tensor.data.byteLength)
      pending.push({ place, bytes: bytesOf(tensor) })
      kept.set(name, { ...place, dtype: tensor.dtype, shape: tensor.shape })
      return name
    },
    kept,
    async flush() {
      const now = pending
      pending = []
      for (const { place, bytes } of now) await write(place, bytes, 0)
    },
    async commit() {
      for (const target of files.values()) await target.commit()
      return names
    },
    async abort() {
      for (const target of files.values()) await target.abort()
    },
  }
}
