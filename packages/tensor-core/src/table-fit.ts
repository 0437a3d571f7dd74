import type { WeighedRun } from './scale-fit.ts'

/** Place of the nearest of ascending levels; the lower of two. */
export function nearestLevel(levels: readonly number[], value: number): number {
  let code = 0
  while (code < levels.length - 1 && value > (levels[code]! + levels[code + 1]!) / 2) code++
  return code
}

/** Σ importance·(w − scale·level)² with the nearest levels. */
export function tableError({ values, importance }: WeighedRun, levels: readonly number[], scale: number): number {
  let sum = 0
  for (let i = 0; i < values.length; i++) {
    const error = values[i]! - scale * levels[nearestLevel(levels, values[i]! / scale)]!
    sum += importance[i]! * error * error
  }
  return sum
}

/** Trial scales on either side; for each the largest weight lies at 0.625 to 1.375 times the largest level. */
const trials = 16

/** The scale of least Σ importance·(w − scale·level)²: the least squares for the levels of many trial scales. 0 for zeros. */
export function fitTable({ values, importance }: WeighedRun, levels: readonly number[]): number {
  const largest = values.reduce((most, value) => (Math.abs(value) > Math.abs(most) ? value : most), 0)
  if (largest === 0) return 0
  const end = Math.max(Math.abs(levels[0]!), levels.at(-1)!)
  let best = largest / end
  let gained = 0
  for (let trial = 0; trial < 2 * trials; trial++) {
    const inverse = ((trial & 1 ? -1 : 1) * end * (0.625 + (0.75 * (trial >> 1)) / (trials - 1))) / largest
    let cross = 0
    let square = 0
    for (let i = 0; i < values.length; i++) {
      const level = levels[nearestLevel(levels, values[i]! * inverse)]!
      cross += importance[i]! * level * values[i]!
      square += importance[i]! * level * level
    }
    const gain = square > 0 ? (cross * cross) / square : 0
    if (gain <= gained) continue
    gained = gain
    best = cross / square
  }
  return best
}
