import { argsort } from '@sinter/tensor-core'

/** Which of up to 256 levels a number between −1 and 1 is nearest to. */
export interface LevelSearch {
  /** Codes of the levels, lowest level first. */
  readonly codes: Uint8Array
  /** Where one level ends and the next begins, f32; a number on a pivot belongs to the lower. Infinity at the end. */
  readonly pivots: Float32Array
  /** For each of `2 · HALF + 1` equal parts of [−1, 1], how many pivots surely lie below it. */
  readonly starts: Uint8Array
}

/** Parts of [0, 1]: hardly one in a hundred holds a pivot of a 4-bit table, and the starts of all take 4 kB. */
const HALF = 2048

/**
 * Pivots are the middles between neighbours in f32, as bitsandbytes has them. Of two equal levels the first has their own value and
 * what rounds to it from below, the second what rounds to it from above.
 * @param levels by code, between −1 and 1, at most 256
 */
export function levelSearch(levels: Float32Array): LevelSearch {
  if (levels.length < 1 || levels.length > 256)
    throw new RangeError(`level search: expected 1 to 256 levels, got ${levels.length}`)
  const codes = argsort(levels)
  const level = (rank: number) => levels[codes[rank]!]!
  const middles = Array.from({ length: codes.length - 1 }, (_, k) => Math.fround(level(k) + level(k + 1)) / 2)
  const pivots = Float32Array.of(...middles, Number.POSITIVE_INFINITY)
  return { codes: Uint8Array.from(codes), pivots, starts: startsOf(pivots) }
}

function startsOf(pivots: Float32Array): Uint8Array {
  const starts = new Uint8Array(2 * HALF + 1)
  for (let part = 0, below = 0; part < starts.length; part++) {
    // The sum x + 1 that picks the part is rounded in f64: a little room, and the pivots in it are found by the search.
    const edge = part / HALF - 1 - 2 ** -40
    while (pivots[below]! < edge) below++
    starts[part] = below
  }
  return starts
}

/** Codes of `values[from … to − 1] · factor`, the product rounded to f32 and in [−1, 1]. */
export function searchRun(
  values: Float32Array,
  from: number,
  to: number,
  factor: number,
  { codes, pivots, starts }: LevelSearch,
  out: Uint8Array,
): void {
  for (let k = from; k < to; k++) {
    const x = Math.fround(values[k]! * factor)
    let rank = starts[((x + 1) * HALF) | 0]!
    while (x > pivots[rank]!) rank++
    out[k] = codes[rank]!
  }
}
