import type { MergeTable } from './merge-table.ts'

/** Merges `ids[0 … count]` in place and returns how many are left. */
export type MergeSymbols = (ids: Int32Array, count: number) => number

const POSITIONS = 2 ** 31

/**
 * Byte-pair encoding (arXiv 1508.07909, §3.2): join the neighbouring pair of the lowest rank, the leftmost of equals,
 * until none is left. A heap keyed by rank · 2³¹ + position makes it O(n log n); entries whose pair has changed since
 * are recognised by their rank and dropped.
 */
export function createMerger(table: MergeTable): MergeSymbols {
  let next = new Int32Array(64)
  let previous = new Int32Array(64)
  const heap = createHeap()

  const offer = (ids: Int32Array, left: number, right: number): void => {
    const row = table.find(ids[left] as number, ids[right] as number)
    if (row >= 0) heap.push(table.rank(row) * POSITIONS + left)
  }

  const link = (ids: Int32Array, count: number): void => {
    if (next.length < count) {
      next = new Int32Array(2 * count)
      previous = new Int32Array(2 * count)
    }
    for (let i = 0; i < count; i++) {
      next[i] = i + 1 < count ? i + 1 : -1
      previous[i] = i - 1
      if (i + 1 < count) offer(ids, i, i + 1)
    }
  }

  const join = (ids: Int32Array, key: number): void => {
    const left = key % POSITIONS
    const right = next[left] as number
    if (right < 0 || ids[left] === -1) return
    const row = table.find(ids[left] as number, ids[right] as number)
    if (row < 0 || table.rank(row) !== (key - left) / POSITIONS) return
    ids[left] = table.result(row)
    ids[right] = -1
    const after = next[right] as number
    next[left] = after
    if (after >= 0) {
      previous[after] = left
      offer(ids, left, after)
    }
    const before = previous[left] as number
    if (before >= 0) offer(ids, before, left)
  }

  return (ids, count) => {
    link(ids, count)
    for (let key = heap.pop(); key >= 0; key = heap.pop()) join(ids, key)
    return compact(ids, count)
  }
}

function compact(ids: Int32Array, count: number): number {
  let kept = 0
  for (let i = 0; i < count; i++) if (ids[i] !== -1) ids[kept++] = ids[i] as number
  return kept
}

interface Heap {
  push(key: number): void
  /** The smallest key, or -1 when there is none. */
  pop(): number
}

function createHeap(): Heap {
  let keys = new Float64Array(256)
  let size = 0
  const push = (key: number): void => {
    if (size === keys.length) {
      const larger = new Float64Array(2 * size)
      larger.set(keys)
      keys = larger
    }
    let at = size++
    while (at > 0) {
      const parent = (at - 1) >> 1
      if ((keys[parent] as number) <= key) break
      keys[at] = keys[parent] as number
      at = parent
    }
    keys[at] = key
  }
  const pop = (): number => {
    if (size === 0) return -1
    const top = keys[0] as number
    const last = keys[--size] as number
    let at = 0
    for (let child = 1; child < size; child = 2 * at + 1) {
      if (child + 1 < size && (keys[child + 1] as number) < (keys[child] as number)) child++
      if ((keys[child] as number) >= last) break
      keys[at] = keys[child] as number
      at = child
    }
    keys[at] = last
    return top
  }
  return { push, pop }
}
