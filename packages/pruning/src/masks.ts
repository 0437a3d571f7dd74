import { maskSmallest, type Pattern } from '@sinter/tensor-core'

type Scores = Float64Array | Float32Array

/** In each row of `[rows, cols]`, the `floor(sparsity · cols)` smallest. */
export function smallestPerRow(scores: Scores, cols: number, sparsity: number): Uint8Array {
  return perSpan(scores, cols, cols, length => Math.floor(sparsity * length))
}

/** In each `of` consecutive columns of a row the `zeros` smallest; a shorter last span loses its share, rounded down. */
export function smallestPerPattern(scores: Scores, cols: number, { zeros, of }: Pattern): Uint8Array {
  return perSpan(scores, cols, of, length => Math.floor((zeros * length) / of))
}

function perSpan(scores: Scores, cols: number, span: number, count: (length: number) => number): Uint8Array {
  const removed = new Uint8Array(scores.length)
  for (let row = 0; row < scores.length; row += cols)
    for (let from = row; from < row + cols; from += span) {
      const to = Math.min(from + span, row + cols)
      maskSmallest(scores.subarray(from, to), count(to - from), removed.subarray(from, to))
    }
  return removed
}

/** Elements that `smallestPerPattern` removes from a row. */
export function patternCount(cols: number, { zeros, of }: Pattern): number {
  return Math.floor(cols / of) * zeros + Math.floor((zeros * (cols % of)) / of)
}
