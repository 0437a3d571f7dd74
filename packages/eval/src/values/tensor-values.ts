import {
  type HistogramCounter,
  histogramCounter,
  type LinearHistogram,
  type MagnitudeHistogram,
} from './value-histogram.ts'
import { mapCounter, type ValueMap } from './value-map.ts'
import { joinMoments, momentsOf, noMoments, summaryOf, type ValueMoments, type ValueSummary } from './value-moments.ts'

export interface TensorValuesOptions {
  /** Neighbours of a row that share a scale. Default 128. */
  readonly groupSize?: number
  /** Linear bins at most. Default 128. */
  readonly bins?: number
  /** Summaries of rows, and of groups of columns, at most; where there are more, neighbours are joined. Default 512. */
  readonly parts?: number
  /** Of the map, at most. Default 96 × 128. */
  readonly mapRows?: number
  readonly mapColumns?: number
}

/** Summaries of equal parts of an axis. */
export interface PartSummaries {
  /** Indices of the axis in one part; the last may have fewer. */
  readonly each: number
  readonly parts: readonly ValueSummary[]
}

export interface TensorValues {
  /** `[rows, columns]`: the last axis, and all before it. A vector is one row. */
  readonly matrix: readonly [number, number]
  readonly total: ValueSummary
  readonly histogram: LinearHistogram
  readonly magnitudes: MagnitudeHistogram
  readonly rows: PartSummaries
  /** Groups of columns, over all rows. */
  readonly columnGroups: PartSummaries
  readonly map: ValueMap
}

export interface TensorValuesCounter {
  /** The next values, in row-major order. @throws RangeError when they are more than the shape has */
  add(values: Float32Array): void
  /** @throws RangeError when values are missing */
  result(): TensorValues
}

/** A shape as rows of its last axis. */
export function asMatrix(shape: readonly number[]): readonly [number, number] {
  const columns = shape.at(-1) ?? 1
  return [shape.slice(0, -1).reduce((product, dim) => product * dim, 1), columns]
}

/** Statistics of a tensor whose values come in pieces; nothing is kept of them. Sums in f64. */
export function tensorValues(shape: readonly number[], options: TensorValuesOptions = {}): TensorValuesCounter {
  const { groupSize = 128, bins = 128, parts = 512, mapRows = 96, mapColumns = 128 } = options
  for (const [name, value] of Object.entries({ groupSize, bins, parts, mapRows, mapColumns }))
    if (!(Number.isSafeInteger(value) && value >= 1))
      throw new RangeError(`${name}: expected a whole number of at least 1, got ${value}`)
  const matrix = asMatrix(shape)
  const [rows, columns] = matrix
  const size = rows * columns
  const byRow = partCounter(rows, 1, parts)
  const byColumn = partCounter(columns, groupSize, parts)
  const total = noMoments()
  const histogram: HistogramCounter = histogramCounter()
  const map = mapCounter(matrix, { rows: mapRows, columns: mapColumns })
  let seen = 0

  const addMoments = (values: Float32Array): void => {
    for (let done = 0; done < values.length; ) {
      const row = Math.floor((seen + done) / columns)
      const column = seen + done - row * columns
      const group = Math.min(columns, (Math.floor(column / groupSize) + 1) * groupSize)
      const end = Math.min(done + group - column, values.length)
      const moments = momentsOf(values, done, end)
      byRow.add(row, moments)
      byColumn.add(column, moments)
      joinMoments(total, moments)
      done = end
    }
  }
  return {
    add(values) {
      if (seen + values.length > size)
        throw new RangeError(`a tensor [${shape}] has ${size} values, got ${seen + values.length}`)
      addMoments(values)
      histogram.add(values)
      map.add(values, seen)
      seen += values.length
    },
    result() {
      if (seen !== size) throw new RangeError(`a tensor [${shape}] has ${size} values, got only ${seen}`)
      return {
        matrix,
        total: summaryOf(total),
        histogram: histogram.linear(bins),
        magnitudes: histogram.magnitudes(),
        rows: byRow.result(),
        columnGroups: byColumn.result(),
        map: map.result(),
      }
    },
  }
}

interface PartCounter {
  add(index: number, moments: ValueMoments): void
  result(): PartSummaries
}

/** @param unit indices that belong together; parts are multiples of it */
function partCounter(length: number, unit: number, parts: number): PartCounter {
  const each = unit * Math.max(1, Math.ceil(Math.ceil(length / unit) / parts))
  const moments = Array.from({ length: Math.ceil(length / each) }, noMoments)
  return {
    add: (index, from) => joinMoments(moments[Math.floor(index / each)]!, from),
    result: () => ({ each, parts: moments.map(summaryOf) }),
  }
}
