/** What is known of one model's logits after some rows of the vocabulary, for each token. f64. */
export interface Running {
  /** ln Σ exp logit so far. */
  readonly logSum: Float64Array
  readonly top: Float64Array
  readonly topIndex: Int32Array
  /** Logit of the token that came, once its row was seen. */
  readonly target: Float64Array
}

export const running = (tokens: number): Running => ({
  logSum: new Float64Array(tokens).fill(-Infinity),
  top: new Float64Array(tokens).fill(-Infinity),
  topIndex: new Int32Array(tokens).fill(-1),
  target: new Float64Array(tokens).fill(Number.NaN),
})

/** Statistics of one slice of rows for one token. */
export interface RowStatistics {
  /** First row of the slice. */
  readonly start: number
  readonly index: number
  readonly top: number
  readonly peak: number
  /** Logit of the token that came, when its row is in the slice. */
  readonly target: number | undefined
}

/** Takes a slice in; returns the shares of the old sum and of the slice in the new one. */
export function takeIn(state: Running, token: number, slice: RowStatistics): readonly [old: number, slice: number] {
  const { logSum, top, topIndex, target } = state
  const here = slice.top - Math.log(slice.peak)
  const old = logSum[token]!
  const sum = old === -Infinity ? here : Math.max(old, here) + Math.log1p(Math.exp(-Math.abs(old - here)))
  logSum[token] = sum
  // Strictly greater: of equal logits the lowest row counts, however the vocabulary is sliced.
  if (slice.top > top[token]!) {
    top[token] = slice.top
    topIndex[token] = slice.start + slice.index
  }
  if (slice.target !== undefined) target[token] = slice.target
  return [Math.exp(old - sum), Math.exp(here - sum)]
}
