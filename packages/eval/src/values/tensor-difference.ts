/** How far one tensor is from another. */
export interface TensorDifference {
  readonly values: number
  /** Values where one of the two is not finite and the other is something else; left out of the rest. */
  readonly unbounded: number
  readonly maxAbs: number
  /** Root of the mean squared difference. */
  readonly rms: number
  /** `‖a − b‖ / ‖a‖`; null where `a` is zero and `b` is not. */
  readonly relative: number | null
  /** Of the angle between the two; null where one of them is zero. */
  readonly cosine: number | null
  readonly equal: boolean
}

export interface DifferenceCounter {
  /** The next values of both. @throws RangeError when they are not as many */
  add(a: Float32Array, b: Float32Array): void
  result(): TensorDifference
}

/** Compares tensors whose values come in pieces. Sums in f64. */
export function tensorDifference(): DifferenceCounter {
  let [values, unbounded, maxAbs, squares, aa, bb, ab] = [0, 0, 0, 0, 0, 0, 0]
  return {
    add(a, b) {
      if (a.length !== b.length)
        throw new RangeError(`expected as many values of both, got ${a.length} and ${b.length}`)
      values += a.length
      for (let i = 0; i < a.length; i++) {
        const [x, y] = [a[i]!, b[i]!]
        const d = x - y
        if (d - d !== 0) {
          if (!Object.is(x, y)) unbounded++
          continue
        }
        if (Math.abs(d) > maxAbs) maxAbs = Math.abs(d)
        squares += d * d
        aa += x * x
        bb += y * y
        ab += x * y
      }
    },
    result: () => ({
      values,
      unbounded,
      maxAbs,
      rms: values === unbounded ? 0 : Math.sqrt(squares / (values - unbounded)),
      relative: squares === 0 ? 0 : aa === 0 ? null : Math.sqrt(squares / aa),
      cosine: aa === 0 || bb === 0 ? null : ab / Math.sqrt(aa * bb),
      equal: unbounded === 0 && maxAbs === 0,
    }),
  }
}
