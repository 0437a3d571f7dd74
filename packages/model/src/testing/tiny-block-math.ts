/** Rows of f64 numbers `[rows, width]`. */
export interface Rows {
  readonly width: number
  readonly data: Float64Array
}

export const rowCount = ({ width, data }: Rows): number => data.length / width

/** `x Wᵀ + b` */
export function linearRows(x: Rows, weight: ArrayLike<number>, out: number, bias?: ArrayLike<number>): Rows {
  const count = rowCount(x)
  const data = new Float64Array(count * out)
  for (let t = 0; t < count; t++)
    for (let o = 0; o < out; o++) {
      let sum = bias?.[o] ?? 0
      for (let i = 0; i < x.width; i++) sum += x.data[t * x.width + i]! * weight[o * x.width + i]!
      data[t * out + o] = sum
    }
  return { width: out, data }
}

/** `x / rms(x) · (offset + w)` */
export function rmsNormRows(x: Rows, weight: ArrayLike<number>, offset: number, epsilon: number): Rows {
  const data = new Float64Array(x.data.length)
  for (let from = 0; from < data.length; from += x.width) {
    let sum = 0
    for (let i = 0; i < x.width; i++) sum += x.data[from + i]! ** 2
    const scale = 1 / Math.sqrt(sum / x.width + epsilon)
    for (let i = 0; i < x.width; i++) data[from + i] = x.data[from + i]! * scale * (offset + weight[i]!)
  }
  return { width: x.width, data }
}

/** Rotates halves of every head; `tokens` rows are one sequence, positions from 0, base 10,000. */
export function rotateRows(x: Rows, headDim: number, tokens: number): Rows {
  const data = Float64Array.from(x.data)
  const half = headDim / 2
  for (let t = 0; t < rowCount(x); t++)
    for (let head = 0; head < x.width; head += headDim)
      for (let i = 0; i < half; i++) {
        const angle = (t % tokens) * 10000 ** (-i / half)
        const at = t * x.width + head + i
        const a = x.data[at]!
        const b = x.data[at + half]!
        data[at] = a * Math.cos(angle) - b * Math.sin(angle)
        data[at + half] = b * Math.cos(angle) + a * Math.sin(angle)
      }
  return { width: x.width, data }
}

/** Causal softmax attention; several heads of q read one head of k and v. */
export function attendRows(q: Rows, k: Rows, v: Rows, headDim: number, tokens: number): Rows {
  const repeats = q.width / k.width
  const data = new Float64Array(q.data.length)
  for (let t = 0; t < rowCount(q); t++)
    for (let head = 0; head < q.width / headDim; head++) {
      const kv = Math.floor(head / repeats) * headDim
      const first = t - (t % tokens)
      const scores = Array.from({ length: t - first + 1 }, (_, s) => {
        let dot = 0
        for (let i = 0; i < headDim; i++)
          dot += q.data[t * q.width + head * headDim + i]! * k.data[(first + s) * k.width + kv + i]!
        return dot / Math.sqrt(headDim)
      })
      const most = Math.max(...scores)
      const weights = scores.map(score => Math.exp(score - most))
      const total = weights.reduce((a, b) => a + b, 0)
      weights.forEach((weight, s) => {
        for (let i = 0; i < headDim; i++)
          data[t * q.width + head * headDim + i]! += (weight / total) * v.data[(first + s) * v.width + kv + i]!
      })
    }
  return { width: q.width, data }
}

export const zipRows = (a: Rows, b: Rows, f: (x: number, y: number) => number): Rows => ({
  width: a.width,
  data: a.data.map((x, k) => f(x, b.data[k]!)),
})
