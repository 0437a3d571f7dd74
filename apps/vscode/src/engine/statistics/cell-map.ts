import type { TensorStatsResult } from '../../shared/protocol.ts'
import { short } from './series.ts'

/** A matrix seen from afar: neighbouring values share a cell. */
export class CellMap {
  readonly rows: number
  readonly columns: number
  readonly #rowOf: (row: number) => number
  readonly #edges: Int32Array
  readonly #squares: Float64Array
  readonly #counts: Float64Array
  readonly #peaks: Float64Array

  constructor(rows: number, columns: number, most: number) {
    this.rows = Math.min(rows, most)
    this.columns = Math.min(columns, most)
    this.#rowOf = row => Math.floor((row * this.rows) / rows)
    // Where each column of cells ends.
    this.#edges = Int32Array.from({ length: this.columns }, (_, c) => Math.floor(((c + 1) * columns) / this.columns))
    this.#squares = new Float64Array(this.rows * this.columns)
    this.#counts = new Float64Array(this.rows * this.columns)
    this.#peaks = new Float64Array(this.rows * this.columns)
  }

  /** One row of values. */
  add(row: number, values: Float32Array): void {
    const first = this.#rowOf(row) * this.columns
    let at = 0
    for (let c = 0; c < this.columns; c++) {
      let squares = 0
      let count = 0
      let peak = 0
      for (const end = this.#edges[c]!; at < end; at++) {
        const size = Math.abs(values[at]!)
        if (!(size < Number.POSITIVE_INFINITY)) continue
        squares += size * size
        count++
        if (size > peak) peak = size
      }
      this.#squares[first + c]! += squares
      this.#counts[first + c]! += count
      if (peak > this.#peaks[first + c]!) this.#peaks[first + c] = peak
    }
  }

  end(): TensorStatsResult['map'] {
    const rms = Array.from(this.#squares, (sum, i) =>
      this.#counts[i]! > 0 ? short(Math.sqrt(sum / this.#counts[i]!)) : 0,
    )
    return { rows: this.rows, columns: this.columns, rms, peak: Array.from(this.#peaks, short) }
  }
}
