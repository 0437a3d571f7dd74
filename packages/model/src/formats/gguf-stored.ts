import type { GgufValue } from './gguf-value.ts'

/** The items of an array as a file has them. */
export interface StoredItems {
  readonly count: number
  readonly bytes: Uint8Array
}

const stored = new WeakMap<GgufValue, StoredItems>()

/** Remembers where an array came from, so that it can be copied without being looked at. */
export function withStoredItems(array: GgufValue, items: StoredItems): GgufValue {
  stored.set(array, items)
  return array
}

export const storedItems = (array: GgufValue): StoredItems | undefined => stored.get(array)
