import { createRng, type Rng } from '@sinter/tensor-core'

/** Six kinds of values that encoders meet, by a generator of single values. */
export const distributions: Readonly<Record<string, (rng: Rng) => number>> = {
  gaussian: rng => 0.03 * rng.normal(),
  'heavy-tailed': rng => (0.02 * rng.normal()) / Math.max(1e-3, Math.abs(rng.normal())),
  uniform: rng => rng.uniform() - 0.5,
  sparse: rng => (rng.uniform() < 0.8 ? 0 : rng.normal()),
  outliers: rng => (rng.uniform() < 0.005 ? 100 : 1) * 0.02 * rng.normal(),
  small: rng => rng.normal() * 10 ** (-4 - 38 * rng.uniform() ** 4),
}

const ROWS = 200
export const ROWS_OF_SLICE: number = 6 * ROWS

/** What is encoded in one step of a check: the same slice is the same rows everywhere. */
export interface Slice {
  /** Some of each distribution. */
  readonly rows: readonly { readonly distribution: string; readonly values: Float32Array }[]
  /** Rows are 256, 512 or 1024 long: importance and what else a row has in common reaches over more than a block. */
  readonly width: number
  /** Importance of each column; a fifth of them have none. */
  readonly importance: Float32Array
}

/** @param rows of 256 values, of each distribution: a multiple of 4 */
export function randomSlice(seed: number, rows: number = ROWS): Slice {
  const rng = createRng(`slice ${seed}`)
  const width = 256 << (seed % 3)
  return {
    rows: Object.entries(distributions).map(([distribution, next]) => ({
      distribution,
      values: Float32Array.from({ length: rows * 256 }, () => next(rng)),
    })),
    width,
    importance: Float32Array.from({ length: width }, () => (rng.uniform() < 0.2 ? 0 : rng.normal() ** 4)),
  }
}
