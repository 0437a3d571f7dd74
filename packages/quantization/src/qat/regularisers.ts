/** What a row of weights pays for not lying where rounding wants it, summed over the row; `slope` is set to its slopes. */
export type RowPenalty = (row: Float32Array, high: number, slope: Float64Array) => number

/** Level distance of a row: absmax / high, a constant to the slope, which would otherwise shrink it. */
function stepOf(row: Float32Array, high: number): number {
  let most = 0
  for (const value of row) most = Math.max(most, Math.abs(value))
  return Math.max(most / high, 1e-12)
}

/** Σ sin²(π w / s): nothing on the levels, most half way between them (SinReQ, 1905.01416 §3). */
export const sinePenalty: RowPenalty = (row, high, slope) => {
  const step = stepOf(row, high)
  let sum = 0
  for (let i = 0; i < row.length; i++) {
    const angle = (Math.PI * row[i]!) / step
    sum += Math.sin(angle) ** 2
    slope[i] = (Math.PI / step) * Math.sin(2 * angle)
  }
  return sum
}

/** Σ (w − Q(w))² with Q(w) taken as it is. */
export const gridPenalty: RowPenalty = (row, high, slope) => {
  const step = stepOf(row, high)
  let sum = 0
  for (let i = 0; i < row.length; i++) {
    const error = row[i]! - Math.min(Math.max(Math.round(row[i]! / step), -high), high) * step
    sum += error * error
    slope[i] = 2 * error
  }
  return sum
}

/** Kurtosis of a uniform distribution: all levels are used alike. */
const UNIFORM = 1.8

/** n · (kurtosis − 1.8)² (KURE, 2002.07686 §3): pulls a row towards a uniform distribution. */
export const kurtosisPenalty: RowPenalty = (row, _, slope) => {
  const n = row.length
  let mean = 0
  for (const value of row) mean += value / n
  let variance = 0
  for (const value of row) variance += (value - mean) ** 2 / n
  const deviation = Math.sqrt(variance) || 1
  let [third, fourth] = [0, 0]
  for (const value of row) {
    const z = (value - mean) / deviation
    third += z ** 3 / n
    fourth += z ** 4 / n
  }
  const away = fourth - UNIFORM
  for (let i = 0; i < n; i++) {
    const z = (row[i]! - mean) / deviation
    slope[i] = 8 * (away / deviation) * (z ** 3 - third - fourth * z)
  }
  return n * away * away
}
