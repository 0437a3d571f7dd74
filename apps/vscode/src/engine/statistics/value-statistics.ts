import type { TensorStatsResult } from '../../shared/protocol.ts'
import { CellMap } from './cell-map.ts'
import { SeriesSum, short } from './series.ts'

export interface MatrixShape {
  readonly rows: number
  readonly columns: number
}

/** All that one look at a matrix tells; `histogram` takes a second one, when the range is known. */
export type FirstLook = Pick<
  TensorStatsResult,
  'zeros' | 'notFinite' | 'min' | 'max' | 'mean' | 'deviation' | 'byRow' | 'byGroup' | 'groupCrest' | 'map'
>

/** Takes rows in any number and order. Sums are in f64. */
export function firstLook(
  { rows, columns }: MatrixShape,
  { groupSize, cells }: { readonly groupSize: number; readonly cells: number },
): { add(row: number, values: Float32Array): void; end(): FirstLook } {
  const groups = Math.ceil(columns / groupSize)
  const byRow = new SeriesSum(rows)
  const byGroup = new SeriesSum(groups)
  const map = new CellMap(rows, columns, cells)
  const all = { ...nothing }
  let zeros = 0
  let crests = 0
  let crested = 0
  return {
    add(row, values) {
      const own = { ...nothing }
      for (let group = 0; group < groups; group++) {
        const part = look(values, group * groupSize, Math.min(columns, (group + 1) * groupSize))
        byGroup.add(group, part.min, part.max, part.squares, part.count)
        merge(own, part)
        zeros += part.zeros
        const rms = Math.sqrt(part.squares / part.count)
        if (rms > 0) {
          crests += Math.max(-part.min, part.max) / rms
          crested++
        }
      }
      byRow.add(row, own.min, own.max, own.squares, own.count)
      merge(all, own)
      map.add(row, values)
    },
    end() {
      const { count, sum, squares, seen } = all
      const mean = count > 0 ? sum / count : 0
      const variance = count > 0 ? Math.max(0, squares / count - mean * mean) : 0
      return {
        zeros,
        notFinite: seen - count,
        min: count > 0 ? all.min : 0,
        max: count > 0 ? all.max : 0,
        mean,
        deviation: Math.sqrt(variance),
        byRow: byRow.end(),
        byGroup: { size: groupSize, ...byGroup.end() },
        groupCrest: crested > 0 ? short(crests / crested) : 0,
        map: map.end(),
      }
    },
  }
}

interface Sums {
  min: number
  max: number
  sum: number
  squares: number
  /** Finite values. */
  count: number
  seen: number
  zeros: number
}

const nothing: Sums = {
  min: Number.POSITIVE_INFINITY,
  max: Number.NEGATIVE_INFINITY,
  sum: 0,
  squares: 0,
  count: 0,
  seen: 0,
  zeros: 0,
}

function look(values: Float32Array, from: number, to: number): Sums {
  const sums = { ...nothing, seen: to - from }
  for (let i = from; i < to; i++) {
    const value = values[i]!
    if (!Number.isFinite(value)) continue
    if (value < sums.min) sums.min = value
    if (value > sums.max) sums.max = value
    if (value === 0) sums.zeros++
    sums.sum += value
    sums.squares += value * value
    sums.count++
  }
  return sums
}

function merge(into: Sums, part: Sums): void {
  into.min = Math.min(into.min, part.min)
  into.max = Math.max(into.max, part.max)
  into.sum += part.sum
  into.squares += part.squares
  into.count += part.count
  into.seen += part.seen
}

/** Counts values into equal bins from `min` to `max`; the last bin has `max`. */
export function histogram(
  min: number,
  max: number,
  bins: number,
): { add(values: Float32Array): void; readonly counts: readonly number[] } {
  const counts = new Array<number>(bins).fill(0)
  const scale = max > min ? bins / (max - min) : 0
  return {
    counts,
    add(values) {
      for (const value of values)
        if (Number.isFinite(value)) counts[Math.min(bins - 1, Math.floor((value - min) * scale))]!++
    },
  }
}
