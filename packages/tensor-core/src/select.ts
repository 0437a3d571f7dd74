type Numbers = ArrayLike<number>

/**
 * Indices that sort the values ascending (or descending); equal values keep the order of their indices.
 * NaN counts as larger than everything.
 */
export function argsort(values: Numbers, options: { descending?: boolean } = {}): Int32Array {
  const order = Int32Array.from({ length: values.length }, (_, i) => i)
  const sign = options.descending ? -1 : 1
  // Sorting of typed arrays is stable since ES2019, but index ties are cheap to say aloud.
  return order.sort((i, j) => sign * compare(values[i]!, values[j]!) || i - j)
}

function compare(a: number, b: number): number {
  if (a < b) return -1
  if (a > b) return 1
  if (a === b) return 0
  return Number.isNaN(a) ? (Number.isNaN(b) ? 0 : 1) : -1
}

/**
 * The k-th smallest value, k from 0, in linear time (quickselect, median of three). The input is left alone.
 * @throws RangeError when k is not an index, or a value is NaN
 */
export function kthSmallest(values: Numbers, k: number): number {
  if (!Number.isInteger(k) || k < 0 || k >= values.length)
    throw new RangeError(`kthSmallest: expected an index below ${values.length}, got ${k}`)
  const a = Float64Array.from(values)
  for (let i = 0; i < a.length; i++) if (Number.isNaN(a[i]!)) throw new RangeError(`kthSmallest: value ${i} is NaN`)
  let left = 0
  let right = a.length - 1
  while (left < right) {
    const pivot = medianOf(a[left]!, a[(left + right) >>> 1]!, a[right]!)
    let i = left
    let j = right
    while (i <= j) {
      while (a[i]! < pivot) i++
      while (a[j]! > pivot) j--
      if (i > j) break
      const swapped = a[i]!
      a[i++] = a[j]!
      a[j--] = swapped
    }
    if (k <= j) right = j
    else if (k >= i) left = i
    else break
  }
  return a[k]!
}

const medianOf = (a: number, b: number, c: number): number => Math.max(Math.min(a, b), Math.min(Math.max(a, b), c))

/**
 * Marks the k smallest values with 1; of equal values those with the smaller index go first.
 * @throws RangeError when k is not in 0 … length, or a value is NaN
 */
export function maskSmallest(values: Numbers, k: number, mask: Uint8Array = new Uint8Array(values.length)): Uint8Array {
  mask.fill(0)
  if (k === 0) return mask
  const threshold = kthSmallest(values, k - 1)
  let left = k
  for (let i = 0; i < values.length; i++) left -= mark(mask, i, values[i]! < threshold)
  for (let i = 0; left > 0; i++) left -= mark(mask, i, values[i] === threshold)
  return mask
}

function mark(mask: Uint8Array, i: number, chosen: boolean): number {
  if (chosen) mask[i] = 1
  return chosen ? 1 : 0
}

/** Indices of the k smallest values, in ascending order of index; ties go to the smaller index. */
export function smallest(values: Numbers, k: number): Int32Array {
  const mask = maskSmallest(values, k)
  const chosen = new Int32Array(k)
  let n = 0
  for (let i = 0; i < mask.length; i++) if (mask[i]) chosen[n++] = i
  return chosen
}
