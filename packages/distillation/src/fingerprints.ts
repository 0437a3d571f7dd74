import { createHash, type Hash } from 'node:crypto'
import type { Model, Tokenizer } from '@sinter/model'
import { bytesOf, dtypes } from '@sinter/tensor-core'
import type { TokenRow } from './teacher.ts'

/** Bytes of a tensor that are read at once. */
const PIECE = 64 * 2 ** 20

/** What a model computes, by its contents: configuration and every tensor. Reads all of it, which is little beside running it. */
export async function modelHash({ config, source }: Model): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify(config.raw))
  for (const name of [...source.names()].sort()) {
    const { shape, dtype } = source.info(name)
    hash.update(JSON.stringify([name, dtype, shape]))
    const rows = shape[0] ?? 0
    if (shape.length === 0) hash.update(bytesOf(await source.read(name)))
    const rowBytes = shape.slice(1).reduce((n, dim) => n * dim, dtypes[dtype].bytes)
    const step = Math.max(1, Math.floor(PIECE / Math.max(1, rowBytes)))
    for (let start = 0; start < rows; start += step)
      hash.update(bytesOf(await source.readRows(name, start, Math.min(step, rows - start))))
  }
  return hash.digest('hex')
}

/** What the ids of a tokenizer stand for. */
export function vocabularyHash(tokenizer: Tokenizer, size: number): string {
  const hash = createHash('sha256')
  for (let id = 0; id < size; id++) hash.update(`${JSON.stringify(tokenizer.tokenOf(id) ?? null)}\n`)
  return hash.digest('hex')
}

/** Bytes of the hash of a row: two of a trillion different ones are the same with a chance of 10⁻¹⁵. */
export const ROW_HASH_BYTES = 16

/** A row of tokens, and where its documents start. */
export function rowHash({ ids, starts }: TokenRow): Uint8Array {
  const hash = createHash('sha256')
  updateRow(hash, ids, starts)
  return hash.digest().subarray(0, ROW_HASH_BYTES)
}

export function dataHash(rows: readonly TokenRow[]): string {
  const hash = createHash('sha256')
  for (const { ids, starts } of rows) updateRow(hash, ids, starts)
  return hash.digest('hex')
}

function updateRow(hash: Hash, ids: Int32Array, starts: readonly number[]): void {
  hash.update(Int32Array.of(ids.length, starts.length))
  hash.update(new Uint8Array(ids.buffer, ids.byteOffset, ids.byteLength))
  hash.update(Int32Array.from(starts))
}
