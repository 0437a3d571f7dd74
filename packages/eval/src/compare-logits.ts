/** How two computations of the same logits differ. */
export interface LogitDifference {
  /** The largest |a − b|. */
  readonly largest: number
  /** Mean |a − b|. */
  readonly mean: number
  /** Standard deviation of a's logits, to measure the two against. */
  readonly spread: number
  /** Mean over tokens of KL(softmax a ‖ softmax b), nats. */
  readonly kl: number
  /** Share of tokens for which both find the same next token most likely. */
  readonly topAgreement: number
}

/**
 * Compares logits `[tokens, vocabulary]`, flat. A value that is not finite makes the largest difference infinite.
 * @throws RangeError when they are not of one size, or hold no token
 */
export function compareLogits(a: Float32Array, b: Float32Array, vocabulary: number): LogitDifference {
  const tokens = a.length / vocabulary
  if (a.length !== b.length || !Number.isInteger(tokens) || tokens < 1)
    throw new RangeError(
      `logits of ${vocabulary} entries a token: expected two of one size, got ${a.length} and ${b.length}`,
    )
  let kl = 0
  let same = 0
  for (let at = 0; at < a.length; at += vocabulary) {
    const [x, y] = [a.subarray(at, at + vocabulary), b.subarray(at, at + vocabulary)]
    kl += divergenceOf(x, y)
    same += indexOfLargest(x) === indexOfLargest(y) ? 1 : 0
  }
  return { ...distances(a, b), spread: deviation(a), kl: kl / tokens, topAgreement: same / tokens }
}

function distances(a: Float32Array, b: Float32Array): Pick<LogitDifference, 'largest' | 'mean'> {
  let largest = 0
  let sum = 0
  for (let i = 0; i < a.length; i++) {
    const distance = Math.abs(a[i]! - b[i]!)
    sum += distance
    if (!(distance <= largest)) largest = Number.isNaN(distance) ? Number.POSITIVE_INFINITY : distance
  }
  return { largest, mean: sum / a.length }
}

function divergenceOf(x: Float32Array, y: Float32Array): number {
  const [a, b] = [logSum(x), logSum(y)]
  let kl = 0
  for (let i = 0; i < x.length; i++) kl += Math.exp(x[i]! - a) * (x[i]! - a - (y[i]! - b))
  return kl
}

function logSum(x: Float32Array): number {
  const top = x[indexOfLargest(x)]!
  let sum = 0
  for (let i = 0; i < x.length; i++) sum += Math.exp(x[i]! - top)
  return top + Math.log(sum)
}

function indexOfLargest(x: Float32Array): number {
  let at = 0
  for (let i = 1; i < x.length; i++) if (x[i]! > x[at]!) at = i
  return at
}

function deviation(x: Float32Array): number {
  let sum = 0
  let squares = 0
  for (let i = 0; i < x.length; i++) {
    sum += x[i]!
    squares += x[i]! ** 2
  }
  return Math.sqrt(Math.max(0, squares / x.length - (sum / x.length) ** 2))
}
