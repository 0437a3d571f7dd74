import { FormatError } from './format-error.ts'
import type { ImportanceEntry, ImportanceMatrix } from './imatrix.ts'

/** A model has a few thousand matrices. */
const MAX_ENTRIES = 2 ** 16
/** ggml's own limit, GGML_MAX_NAME without its final zero. */
const MAX_NAME_BYTES = 63
/** A path. */
const MAX_DATASET_BYTES = 2 ** 16

/**
 * The older form of an importance matrix (`.dat`), without magic number: a count, then for each entry its name, the number of
 * calls, and mean squares times that number; at the end the number of windows and the path of the text, which may be missing.
 * @throws FormatError `truncated`, `limit` for a count that no such file has, `duplicate`
 */
export function parseLegacyImatrix(bytes: Uint8Array, where: string): ImportanceMatrix {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = 0
  const take = (length: number, what: string): number => {
    if (at + length > bytes.length)
      throw new FormatError('truncated', `${where}: the file ends at byte ${bytes.length}, inside ${what} at ${at}`)
    at += length
    return at - length
  }
  const i32 = (what: string): number => view.getInt32(take(4, what), true)
  const count = (what: string, most: number): number => {
    const value = i32(what)
    if (value < 1 || value > most)
      throw new FormatError(
        'limit',
        `${where}: expected ${what} to be 1 … ${most}, got ${value}: is it an importance matrix?`,
      )
    return value
  }
  const text = (length: number, what: string): string => {
    const from = take(length, what)
    return new TextDecoder().decode(bytes.subarray(from, from + length))
  }
  const entries = new Map<string, ImportanceEntry>()
  for (let left = count('the number of entries', MAX_ENTRIES); left > 0; left--) {
    const name = text(count('the length of a name', MAX_NAME_BYTES), 'a name')
    if (entries.has(name)) throw new FormatError('duplicate', `${where}: the entry ${JSON.stringify(name)} comes twice`)
    const calls = i32('the number of calls')
    const length = count(`the number of values of ${JSON.stringify(name)}`, Math.max(1, bytes.length / 4))
    const from = take(4 * length, `the values of ${JSON.stringify(name)}`)
    const sums = Float32Array.from({ length }, (_, i) => view.getFloat32(from + 4 * i, true))
    // With no calls the values are taken as they are.
    entries.set(name, { sums, counts: [calls > 0 ? calls : 1] })
  }
  const chunks = at < bytes.length ? i32('the number of windows') : 0
  const length = at < bytes.length ? i32('the length of a path') : 0
  const known = length > 0 && length <= Math.min(MAX_DATASET_BYTES, bytes.length - at)
  return { entries, datasets: known ? [text(length, 'a path')] : [], chunks: Math.max(0, chunks), chunkSize: 0 }
}
