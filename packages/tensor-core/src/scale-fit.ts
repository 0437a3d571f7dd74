/** Closed-form fits of a grid to a run of weights: for the codes of each of many trial scales, the least squares over scale and minimum. */

/** A run of numbers and what a squared error in each costs, under the same indices. */
export interface WeighedRun {
  readonly values: Float64Array
  readonly importance: Float64Array
}

/** 1.5·2⁵²: adding and taking it away rounds half to even. */
const noFraction = 6755399441055744

/** Trial scales on either side. */
const trials = 16
/** Steps of the best of them to where its codes and its least squares agree. */
const settling = 2

/** Levels by which the trial scales put the largest weight beside the end of the codes, and inside or beyond it. */
const reach = (end: number): number => Math.min(3, 0.375 * end)

/**
 * The scale s of codes `least … most` with the least Σ importance·(w − s·code)²; 0 for a run of zeros. Its sign says at which
 * end the largest weight lies.
 */
export function fitScale(
  { values, importance }: WeighedRun,
  from: number,
  count: number,
  least: number,
  most: number,
): number {
  const largest = extreme(values, from, count)
  if (largest === 0) return 0
  let best = 0
  let gained = 0
  for (let trial = 0; trial < 2 * trials + settling; trial++) {
    const at = ((trial >> 1) / (trials - 1)) * 2 - 1
    const end = (trial & 1 ? 1 : -1) * (at * reach(-least) - least)
    // In the end from where the best came out, whose own codes may be others.
    const inverse = trial < 2 * trials ? end / largest : 1 / best
    let cross = 0
    let square = 0
    for (let i = from; i < from + count; i++) {
      const weight = values[i]!
      const level = Math.max(least, Math.min(most, weight * inverse + noFraction - noFraction))
      const cost = importance[i]! * level
      cross += cost * weight
      square += cost * level
    }
    // With these codes the best scale takes so much off Σ importance·w².
    const gain = square > 0 ? (cross * cross) / square : 0
    if (gain > gained) {
      gained = gain
      best = cross / square
    }
  }
  return best
}

function extreme(values: Float64Array, from: number, count: number): number {
  let largest = 0
  for (let i = from; i < from + count; i++) if (Math.abs(values[i]!) > Math.abs(largest)) largest = values[i]!
  return largest
}

export interface ScaleAndMin {
  readonly scale: number
  readonly min: number
}

/** The same for s·code + min with codes 0 … most. `below`: the minimum is not above 0, as in ggml's K-quants. */
export function fitScaleAndMin(
  run: WeighedRun,
  from: number,
  count: number,
  most: number,
  below: boolean,
): ScaleAndMin {
  const { values } = run
  let low = below ? 0 : Number.POSITIVE_INFINITY
  let high = Number.NEGATIVE_INFINITY
  for (let i = from; i < from + count; i++) {
    low = Math.min(low, values[i]!)
    high = Math.max(high, values[i]!)
  }
  if (!(high > low)) return { scale: 0, min: low }
  let best: ScaleAndMin = { scale: (high - low) / most, min: low }
  let least = runError(run, from, count, best.scale, best.min, 0, most)
  for (let trial = 0; trial < trials; trial++) {
    const inverse = (most - 0.9 + (1.8 * trial) / (trials - 1)) / (high - low)
    const tried = solveBoth(run, from, count, low, inverse, most, below)
    const error = runError(run, from, count, tried.scale, tried.min, 0, most, least)
    if (error < least) {
      least = error
      best = tried
    }
  }
  return best
}

/** Least squares over scale and minimum for the codes (w − low)·inverse. */
function solveBoth(
  { values, importance }: WeighedRun,
  from: number,
  count: number,
  low: number,
  inverse: number,
  most: number,
  below: boolean,
): ScaleAndMin {
  let [all, weights, codes, squares, cross] = [0, 0, 0, 0, 0]
  for (let i = from; i < from + count; i++) {
    const weight = values[i]!
    const cost = importance[i]!
    const code = Math.max(0, Math.min(most, (weight - low) * inverse + noFraction - noFraction))
    all += cost
    weights += cost * weight
    codes += cost * code
    squares += cost * code * code
    cross += cost * code * weight
  }
  const determinant = all * squares - codes * codes
  const scale = (all * cross - weights * codes) / determinant
  const min = (squares * weights - codes * cross) / determinant
  if (below && min > 0) return { scale: cross / squares, min: 0 }
  return determinant > 0 ? { scale, min } : { scale: 1 / inverse, min: low }
}

/** Σ importance·(w − ŵ)² with the nearest of the levels scale·code + min; gives up, with any number that is at least `limit`, beyond it. */
export function runError(
  { values, importance }: WeighedRun,
  from: number,
  count: number,
  scale: number,
  min: number,
  least: number,
  most: number,
  limit: number = Number.POSITIVE_INFINITY,
): number {
  const inverse = scale === 0 ? 0 : 1 / scale
  let sum = 0
  for (let i = from; i < from + count && sum < limit; i++) {
    const weight = values[i]! - min
    const level = Math.max(least, Math.min(most, weight * inverse + noFraction - noFraction))
    const error = weight - scale * level
    sum += importance[i]! * error * error
  }
  return sum
}
