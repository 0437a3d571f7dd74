/**
 * Packs sizes into rows, in the given order, each into the first row that has room. At most 1.7 times as many rows as
 * the best packing (Dósa and Sgall 2013).
 * @param sizes at most `capacity` each
 * @returns the row of each size
 */
export function firstFit(sizes: ArrayLike<number>, capacity: number): Int32Array {
  // A tree over the rows whose nodes know the largest room below them: the first row that fits is found in log₂ n steps.
  const rows = 2 ** Math.ceil(Math.log2(Math.max(1, sizes.length)))
  const room = new Int32Array(2 * rows).fill(capacity)
  return Int32Array.from({ length: sizes.length }, (_, i) => {
    const size = sizes[i]!
    let node = 1
    while (node < rows) node = room[2 * node]! >= size ? 2 * node : 2 * node + 1
    const row = node - rows
    room[node]! -= size
    for (node >>= 1; node >= 1; node >>= 1) room[node] = Math.max(room[2 * node]!, room[2 * node + 1]!)
    return row
  })
}
