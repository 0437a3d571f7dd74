import type { Series } from '../../shared/protocol.ts'

/** More entries than a screen has columns say nothing more. */
const MAX_ENTRIES = 1024

/** Least, largest and root mean square of what falls into each of a row of entries. */
export class SeriesSum {
  readonly #per: number
  readonly #min: Float64Array
  readonly #max: Float64Array
  readonly #squares: Float64Array
  readonly #counts: Float64Array

  /** @param places rows or groups; neighbours share an entry when there are many */
  constructor(places: number) {
    this.#per = Math.max(1, Math.ceil(places / MAX_ENTRIES))
    const entries = Math.ceil(places / this.#per)
    this.#min = new Float64Array(entries).fill(Number.POSITIVE_INFINITY)
    this.#max = new Float64Array(entries).fill(Number.NEGATIVE_INFINITY)
    this.#squares = new Float64Array(entries)
    this.#counts = new Float64Array(entries)
  }

  add(place: number, min: number, max: number, squares: number, count: number): void {
    const entry = Math.floor(place / this.#per)
    if (min < this.#min[entry]!) this.#min[entry] = min
    if (max > this.#max[entry]!) this.#max[entry] = max
    this.#squares[entry]! += squares
    this.#counts[entry]! += count
  }

  /** Entries that nothing fell into are zero. */
  end(): Series {
    const seen = (values: Float64Array) => Array.from(values, (value, i) => (this.#counts[i]! > 0 ? short(value) : 0))
    const rms = this.#squares.map((sum, i) => (this.#counts[i]! > 0 ? Math.sqrt(sum / this.#counts[i]!) : 0))
    return { per: this.#per, min: seen(this.#min), max: seen(this.#max), rms: seen(rms) }
  }
}

/** Six digits are more than a chart shows, and a third of the text. */
export const short = (value: number): number => Number(value.toPrecision(6))
