/** What is known of a set of values; values that are not finite are counted and left out of the rest. */
export interface ValueSummary {
  /** Finite values. */
  readonly count: number
  readonly nan: number
  readonly positiveInfinity: number
  readonly negativeInfinity: number
  readonly zeros: number
  /** This and the following are null where no value is finite. */
  readonly min: number | null
  readonly max: number | null
  readonly absMax: number | null
  readonly mean: number | null
  /** Of the population: the root of the mean squared distance from the mean. */
  readonly std: number | null
  /** Fourth central moment over the squared second: 3 for a normal distribution. Null also where all values are equal. */
  readonly kurtosis: number | null
}

/** Central moments that two sets can be joined by. */
export interface ValueMoments {
  count: number
  nan: number
  positiveInfinity: number
  negativeInfinity: number
  zeros: number
  min: number
  max: number
  mean: number
  /** Sums of the second, third and fourth powers of distances from the mean. */
  m2: number
  m3: number
  m4: number
}

export const noMoments = (): ValueMoments => ({
  count: 0,
  nan: 0,
  positiveInfinity: 0,
  negativeInfinity: 0,
  zeros: 0,
  min: Infinity,
  max: -Infinity,
  mean: 0,
  m2: 0,
  m3: 0,
  m4: 0,
})

/** Moments of `values[from … to)`. Two passes in f64, so that a mean far from zero costs no digits. */
export function momentsOf(values: Float32Array, from: number, to: number): ValueMoments {
  const m = noMoments()
  let sum = 0
  for (let i = from; i < to; i++) {
    const x = values[i]!
    // The only values whose difference from themselves is not zero.
    if (x - x !== 0) {
      countUnbounded(m, x)
      continue
    }
    m.count++
    sum += x
    if (x === 0) m.zeros++
    if (x < m.min) m.min = x
    if (x > m.max) m.max = x
  }
  if (m.count > 0) m.mean = sum / m.count
  for (let i = from; i < to; i++) {
    const d = values[i]! - m.mean
    if (d - d !== 0) continue
    const d2 = d * d
    m.m2 += d2
    m.m3 += d2 * d
    m.m4 += d2 * d2
  }
  return m
}

function countUnbounded(m: ValueMoments, x: number): void {
  if (x > 0) m.positiveInfinity++
  else if (x < 0) m.negativeInfinity++
  else m.nan++
}

/**
 * Adds the moments of one set to those of another (Pébay 2008, Formulas for robust, one-pass parallel computation of covariances
 * and arbitrary-order statistical moments, eq. 2.1).
 */
export function joinMoments(into: ValueMoments, from: ValueMoments): void {
  into.nan += from.nan
  into.positiveInfinity += from.positiveInfinity
  into.negativeInfinity += from.negativeInfinity
  into.zeros += from.zeros
  if (from.count === 0) return
  const [a, b] = [into.count, from.count]
  const n = a + b
  const d = (from.mean - into.mean) / n
  const dabn = d * a * b * n
  into.m4 +=
    from.m4 +
    dabn * d * d * d * (a * a - a * b + b * b) +
    6 * d * d * (a * a * from.m2 + b * b * into.m2) +
    4 * d * (a * from.m3 - b * into.m3)
  into.m3 += from.m3 + dabn * d * d * (a - b) + 3 * d * (a * from.m2 - b * into.m2)
  into.m2 += from.m2 + dabn * d
  into.mean += d * b
  into.count = n
  into.min = Math.min(into.min, from.min)
  into.max = Math.max(into.max, from.max)
}

export function summaryOf(m: ValueMoments): ValueSummary {
  const { count, nan, positiveInfinity, negativeInfinity, zeros } = m
  const counts = { count, nan, positiveInfinity, negativeInfinity, zeros }
  if (count === 0) return { ...counts, min: null, max: null, absMax: null, mean: null, std: null, kurtosis: null }
  return {
    ...counts,
    min: m.min,
    max: m.max,
    absMax: Math.max(Math.abs(m.min), Math.abs(m.max)),
    mean: m.mean,
    std: Math.sqrt(m.m2 / count),
    kurtosis: m.min === m.max ? null : (m.m4 * count) / (m.m2 * m.m2),
  }
}

/** @param values `[n]` */
export const summarizeValues = (values: Float32Array): ValueSummary => summaryOf(momentsOf(values, 0, values.length))

/** A summary for every `groupSize` neighbours; the last group may be shorter. @throws RangeError for a size below 1 */
export function summarizeGroups(values: Float32Array, groupSize: number): ValueSummary[] {
  if (!(Number.isSafeInteger(groupSize) && groupSize >= 1))
    throw new RangeError(`groupSize: expected a whole number of at least 1, got ${groupSize}`)
  const out: ValueSummary[] = []
  for (let at = 0; at < values.length; at += groupSize)
    out.push(summaryOf(momentsOf(values, at, Math.min(at + groupSize, values.length))))
  return out
}
