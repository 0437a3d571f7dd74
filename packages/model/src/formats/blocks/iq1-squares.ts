import type { Work } from './iq1-memory.ts'

const { fround } = Math

/** What a level 0, 1, 2 is moved by to be what it stands for: up, or down. */
const shifts = [-0.875, -1.125] as const

/** Of group k of sub-block b. IQ1_M has a group in each half. */
export const shiftOf = ({ variant, moved }: Work, b: number, k: number): number =>
  shifts[moved[variant.halves === 2 ? 2 * b + k : b]!]!

/** What `addSquares` continues. */
export const sums: [number, number] = [0, 0]

/** What the three levels of a group stand for. */
const meanings = new Float32Array(3)

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
  const groups = variant.size / 8
  let [product, square] = sums
  for (let k = 0, p = at, i = b * variant.size; k < groups; k++) {
    const shift = shiftOf(work, b, k)
    for (let level = 0; level < 3; level++) meanings[level] = (level + shift) * multiple
    for (let point = 8 * indices[b * groups + k]!, end = point + 8; point < end; point++, i++, p += step) {
      const q = meanings[grid.levels[point]!]!
      const weighted = fround(weights[i]! * q)
      product = fround(product + fround(weighted * values[p]!))
      square = fround(square + fround(weighted * q))
    }
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
