import type { Work } from './iq1-memory.ts'

const { fround } = Math

/** What a level 0, 1, 2 is moved by to be what it stands for: up, or down. */
const shifts = [-0.875, -1.125] as const

/** Of group k of sub-block b. IQ1_M has a group in each half. */
export const shiftOf = ({ variant, moved }: Work, b: number, k: number): number =>
  shifts[moved[variant.halves === 2 ? 2 * b + k : b]!]!

/** What `addSquares` continues. */
export const sums: [number, number] = [0, 0]

/** Σ w·q·x and Σ w·q² of a sub-block, continued in `sums`; its values lie `step` apart from `at` on. */
export function addSquares(
  work: Work,
  values: Float32Array,
  at: number,
  step: number,
  b: number,
  multiple: number,
): void {
  const { variant, grid, weights, indices } = work
  const { size } = variant
  let [product, square] = sums
  for (let i = 0, p = at; i < size; i++, p += step) {
    const k = i >> 3
    const level = grid.levels[indices[(b * size) / 8 + k]! * 8 + (i & 7)]!
    const q = fround((level + shiftOf(work, b, k)) * multiple)
    const weighted = fround(weights[b * size + i]! * q)
    product = fround(product + fround(weighted * values[p]!))
    square = fround(square + fround(weighted * q))
  }
  sums[0] = product
  sums[1] = square
}

export function leastSquares(
  work: Work,
  values: Float32Array,
  at: number,
  step: number,
  b: number,
  multiple: number,
): readonly [number, number] {
  sums.fill(0)
  addSquares(work, values, at, step, b, multiple)
  return sums
}
