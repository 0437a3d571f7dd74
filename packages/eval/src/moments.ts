/** A mean and how far it may be off: one standard error. */
export interface Estimate {
  readonly value: number
  readonly standardError: number
}

/** Sums in f64; `sqrt(population variance / (n − 1))`, as llama.cpp computes it. Zero for a single value. */
export function estimateMean(values: ArrayLike<number>): Estimate {
  const value = mean(values)
  return { value, standardError: Math.sqrt(covarianceOfMeans(values, values)) }
}

export function mean(values: ArrayLike<number>): number {
  let sum = 0
  for (let i = 0; i < values.length; i++) sum += values[i]!
  return sum / values.length
}

/** Covariance of the means of two series of one length, two passes so that large means cost no digits. */
export function covarianceOfMeans(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const n = a.length
  if (n < 2) return 0
  const ma = mean(a)
  const mb = mean(b)
  let sum = 0
  for (let i = 0; i < n; i++) sum += (a[i]! - ma) * (b[i]! - mb)
  return sum / n / (n - 1)
}

/** Value at the fraction `f` of sorted values: linear between neighbours at `f · (n − 1)`. */
export function quantile(sorted: ArrayLike<number>, f: number): number {
  const at = f * (sorted.length - 1)
  const low = Math.floor(at)
  const high = Math.min(low + 1, sorted.length - 1)
  return sorted[low]! + (at - low) * (sorted[high]! - sorted[low]!)
}
