/** Counts of values in bins of one width. Bin `i` holds `from + i·width ≤ x < from + (i + 1)·width`; below zero the ends swap sides. */
export interface LinearHistogram {
  readonly from: number
  readonly width: number
  readonly counts: readonly number[]
}

/** Counts by magnitude, four bins an octave, for each sign. Bin `i` of both lists starts at `magnitudeEdge(first + i)`. */
export interface MagnitudeHistogram {
  readonly first: number
  readonly negative: readonly number[]
  readonly positive: readonly number[]
  readonly zeros: number
}

/** The sum of the linear bins on one side of zero. With outliers a hundred deviations away there are still 40 bins to a deviation. */
const SIDE = 4096

/** Bins of the magnitudes of 32-bit floats: eight bits of the exponent and the first two of the fraction. */
const MAGNITUDES = 1024
/** Infinities and NaN have the largest exponent. */
const FINITE = 1020

/** Where a bin of magnitudes starts. */
export function magnitudeEdge(bin: number): number {
  const exponent = bin >> 2
  const fraction = (bin & 3) / 4
  return exponent === 0 ? fraction * 2 ** -126 : (1 + fraction) * 2 ** (exponent - 127)
}

/**
 * Counts values into both kinds of bins in one pass, with no range known beforehand. The linear bins reach to the next power of two
 * and are joined in pairs when a larger value comes: every count is exact, and the order of the values does not matter.
 */
export interface HistogramCounter {
  add(values: Float32Array): void
  linear(bins: number): LinearHistogram
  magnitudes(): MagnitudeHistogram
}

export function histogramCounter(): HistogramCounter {
  const positive = new Float64Array(SIDE)
  const negative = new Float64Array(SIDE)
  const magnitudes = new Float64Array(2 * MAGNITUDES)
  let limit = 0
  let zeros = 0

  const makeRoom = (magnitude: number): void => {
    if (limit === 0) limit = 2 ** Math.floor(Math.log2(magnitude))
    while (magnitude >= limit) {
      joinPairs(positive)
      joinPairs(negative)
      limit *= 2
    }
  }
  return {
    add(values) {
      const bits = new Uint32Array(values.buffer, values.byteOffset, values.length)
      let scale = SIDE / limit
      for (let i = 0; i < values.length; i++) {
        const x = values[i]!
        if (x - x !== 0) continue
        if (x === 0) {
          zeros++
          continue
        }
        const magnitude = Math.abs(x)
        if (magnitude >= limit) {
          makeRoom(magnitude)
          scale = SIDE / limit
        }
        const side = x < 0 ? negative : positive
        const bin = Math.floor(magnitude * scale)
        side[bin] = side[bin]! + 1
        const magnitudeBin = bits[i]! >>> 21
        magnitudes[magnitudeBin] = magnitudes[magnitudeBin]! + 1
      }
    },
    linear(bins) {
      const all = [...negative.toReversed(), ...positive]
      all[SIDE] = all[SIDE]! + zeros
      return trimmed(all, -limit, limit / SIDE, bins)
    },
    magnitudes: () => magnitudeHistogram(magnitudes, zeros),
  }
}

function joinPairs(counts: Float64Array): void {
  const half = counts.length / 2
  for (let i = 0; i < half; i++) counts[i] = counts[2 * i]! + counts[2 * i + 1]!
  counts.fill(0, half)
}

/** Without the empty bins at the ends, and neighbours joined until there are no more than `bins`. */
function trimmed(counts: readonly number[], from: number, width: number, bins: number): LinearHistogram {
  const first = counts.findIndex(count => count > 0)
  if (first < 0) return { from: 0, width: 0, counts: [] }
  const last = counts.findLastIndex(count => count > 0)
  const join = Math.ceil((last - first + 1) / bins)
  // A bin starts at zero, so that none holds values of both signs.
  const start = first - ((((first - counts.length / 2) % join) + join) % join)
  const out = new Array<number>(Math.floor((last - start) / join) + 1).fill(0)
  for (let i = first; i <= last; i++) {
    const bin = Math.floor((i - start) / join)
    out[bin] = out[bin]! + counts[i]!
  }
  return { from: from + start * width, width: width * join, counts: out }
}

function magnitudeHistogram(counts: Float64Array, zeros: number): MagnitudeHistogram {
  const positive = counts.subarray(0, FINITE)
  const negative = counts.subarray(MAGNITUDES, MAGNITUDES + FINITE)
  const some = (_: number, bin: number): boolean => positive[bin]! + negative[bin]! > 0
  const first = positive.findIndex(some)
  if (first < 0) return { first: 0, negative: [], positive: [], zeros }
  const end = positive.findLastIndex(some) + 1
  return { first, negative: [...negative.subarray(first, end)], positive: [...positive.subarray(first, end)], zeros }
}
