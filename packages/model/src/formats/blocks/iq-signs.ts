import type { Search } from './iq-search-memory.ts'
import { notFinite } from './not-finite.ts'

const { fround } = Math

/** Magnitudes of eight values into their lane, and their signs; where the number of these must be even, the least important one turns. */
export function takeSigns(
  { magnitudes, weights }: Search,
  values: Float32Array,
  from: number,
  to: number,
  lane: number,
  even: boolean,
): number {
  let signs = 0
  let odd = false
  for (let i = 0, p = 4 * to + lane; i < 8; i++, p += 4) {
    const v = values[from + i]!
    magnitudes[p] = v >= 0 ? v : -v
    if (v >= 0) continue
    signs |= 1 << i
    odd = !odd
  }
  if (!even || !odd) return signs
  const turned = leastImportant(weights, values, from, 4 * to + lane)
  magnitudes[4 * (to + turned) + lane]! *= -1
  return signs ^ (1 << turned)
}

function leastImportant(weights: Float32Array, values: Float32Array, from: number, at: number): number {
  let found = 0
  let least = Number.POSITIVE_INFINITY
  for (let i = 0; i < 8; i++) {
    const v = values[from + i]!
    const cost = fround(fround(weights[at + 4 * i]! * v) * v)
    if (cost < least) {
      least = cost
      found = i
    }
  }
  return found
}

/** Σ v² of 256 values. @throws FormatError `overflow` where it is no number: no search comes out of that */
export function energyOf(values: Float32Array, from: number): number {
  let sum = 0
  for (let i = 0; i < 256; i++) sum = fround(sum + fround(values[from + i]! * values[from + i]!))
  if (!(sum < Number.POSITIVE_INFINITY)) throw notFinite()
  return sum
}
