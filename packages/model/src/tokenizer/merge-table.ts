/** From a pair of token ids to the rank of its merge and the id of the result. */
export interface MergeTable {
  /** Position of the pair's row, or -1 when the two never merge. */
  find(left: number, right: number): number
  rank(row: number): number
  result(row: number): number
}

/** A merge: ids of both parts and of the result. Its rank is its place in the list. */
export type Merge = readonly [left: number, right: number, result: number]

/**
 * Open addressing over one Int32Array of rows [left, right, rank, result]: half a million merges take 16 MB and no
 * objects, where a Map keyed by pairs would take 60 MB and be slower. A pair that is listed twice keeps the later rank.
 */
export function createMergeTable(merges: readonly Merge[]): MergeTable {
  const bits = Math.max(4, Math.ceil(Math.log2(merges.length * 2 + 1)))
  const mask = 2 ** bits - 1
  const rows = new Int32Array(4 * (mask + 1)).fill(-1)

  const slot = (left: number, right: number): number => {
    let at = ((Math.imul(left, 0x9e3779b1) ^ Math.imul(right, 0x85ebca6b)) >>> (32 - bits)) & mask
    while (rows[4 * at] !== -1 && (rows[4 * at] !== left || rows[4 * at + 1] !== right)) at = (at + 1) & mask
    return 4 * at
  }

  merges.forEach(([left, right, result], rank) => {
    rows.set([left, right, rank, result], slot(left, right))
  })

  return {
    find: (left, right) => {
      const row = slot(left, right)
      return rows[row] === -1 ? -1 : row
    },
    rank: row => rows[row + 2] as number,
    result: row => rows[row + 3] as number,
  }
}
