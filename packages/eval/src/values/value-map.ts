/** A matrix made small enough to be looked at. */
export interface ValueMap {
  readonly rows: number
  readonly columns: number
  /** `[rows · columns]`: mean of the finite values of a cell; null where there is none. */
  readonly mean: readonly (number | null)[]
  /** `[rows · columns]`: the finite value of greatest magnitude, with its sign; the first of several. */
  readonly extreme: readonly (number | null)[]
  /** `[rows · columns]`: values that are not finite. */
  readonly unbounded: readonly number[]
}

export interface MapCounter {
  /** Values `start …` of the matrix, counted through in row-major order. */
  add(values: Float32Array, start: number): void
  result(): ValueMap
}

/** The first index of part `part` of `parts` even parts of `length`: index `i` is in the part `⌊i · parts / length⌋`. */
export const partStart = (part: number, parts: number, length: number): number => Math.ceil((part * length) / parts)

/** @param size of the map at most; a matrix that is smaller is shown whole */
export function mapCounter(
  [rows, columns]: readonly [number, number],
  size: { readonly rows: number; readonly columns: number },
): MapCounter {
  const mapRows = Math.min(rows, size.rows)
  const mapColumns = Math.min(columns, size.columns)
  const cells = mapRows * mapColumns
  const sums = new Float64Array(cells)
  const counts = new Float64Array(cells)
  const extremes = new Float64Array(cells)
  const unbounded = new Float64Array(cells)

  const addRun = (values: Float32Array, from: number, to: number, cell: number): void => {
    let [sum, count, extreme] = [0, 0, extremes[cell]!]
    for (let i = from; i < to; i++) {
      const x = values[i]!
      if (x - x !== 0) continue
      count++
      sum += x
      if (Math.abs(x) > Math.abs(extreme)) extreme = x
    }
    sums[cell] = sums[cell]! + sum
    counts[cell] = counts[cell]! + count
    unbounded[cell] = unbounded[cell]! + (to - from - count)
    extremes[cell] = extreme
  }
  return {
    add(values, start) {
      for (let done = 0; done < values.length; ) {
        const row = Math.floor((start + done) / columns)
        const column = start + done - row * columns
        const part = Math.floor((column * mapColumns) / columns)
        const run = Math.min(partStart(part + 1, mapColumns, columns) - column, values.length - done)
        addRun(values, done, done + run, Math.floor((row * mapRows) / rows) * mapColumns + part)
        done += run
      }
    },
    result: () => ({
      rows: mapRows,
      columns: mapColumns,
      mean: Array.from(sums, (sum, i) => (counts[i] === 0 ? null : sum / counts[i]!)),
      extreme: Array.from(extremes, (x, i) => (counts[i] === 0 ? null : x)),
      unbounded: [...unbounded],
    }),
  }
}
