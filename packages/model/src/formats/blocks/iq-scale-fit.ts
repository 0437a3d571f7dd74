import { nearestInt } from './nearest-int.ts'
import type { Search } from './iq-search-memory.ts'

const { fround, min } = Math

/** The most a level is here, and ggml's bytes to keep levels in: -1 is 255. */
const most = 4
const levels = new Uint8Array(32)
const magnitudes = new Float32Array(32)
const weights = new Float32Array(32)

/**
 * The scale of 32 magnitudes as multiples 0 … 4 of it: the best of nine, then each multiple by itself moved where that explains more.
 * IQ2_XXS starts from it.
 */
export function fitScale(search: Search, lane: number): number {
  for (let i = 0; i < 32; i++) {
    magnitudes[i] = search.magnitudes[4 * i + lane]!
    weights[i] = search.weights[4 * i + lane]!
  }
  let largest = 0
  for (const x of magnitudes) largest = largest > x ? largest : x
  if (largest < fround(1e-15)) return 0
  const id = bestInverse(magnitudes, weights, largest)
  let product = 0
  let square = 0
  for (let i = 0; i < 32; i++) {
    const level = min(most, nearestInt(fround(id * magnitudes[i]!)))
    levels[i] = level
    product = fround(product + fround(fround(weights[i]! * magnitudes[i]!) * level))
    square = fround(square + fround(fround(weights[i]! * level) * level))
  }
  const sums = { product, square }
  for (let round = 0; round < 5; round++) if (!moveLevels(magnitudes, weights, sums)) break
  return sums.square > 0 ? fround(sums.product / sums.square) : 0
}

function bestInverse(magnitudes: Float32Array, weights: Float32Array, largest: number): number {
  let best = fround(most / largest)
  let least = squaredError(magnitudes, weights, best, i => nearestInt(fround(best * magnitudes[i]!)) & 255)
  for (let step = -4; step <= 4; step++) {
    if (step === 0) continue
    const id = fround(fround(fround(fround(0.1) * step) + most) / largest)
    const error = squaredError(magnitudes, weights, id, i => min(most, nearestInt(fround(id * magnitudes[i]!))))
    if (error < least) {
      least = error
      best = id
    }
  }
  return best
}

function squaredError(
  magnitudes: Float32Array,
  weights: Float32Array,
  id: number,
  level: (i: number) => number,
): number {
  const scale = fround(1 / id)
  let sum = 0
  for (let i = 0; i < 32; i++) {
    const error = fround(magnitudes[i]! - fround(scale * level(i)))
    sum = fround(sum + fround(fround(weights[i]! * error) * error))
  }
  return sum
}

/** One pass; whether a level moved. */
function moveLevels(
  magnitudes: Float32Array,
  weights: Float32Array,
  sums: { product: number; square: number },
): boolean {
  let moved = false
  for (let i = 0; i < 32; i++) {
    const x = magnitudes[i]!
    const w = weights[i]!
    const product = fround(sums.product - fround(fround(w * x) * levels[i]!))
    const square = fround(sums.square - fround(fround(w * levels[i]!) * levels[i]!))
    if (!(product > 0 && square > 0)) continue
    const level = min(most, nearestInt(fround(fround(x * square) / product)))
    if (level === levels[i]) continue
    const newProduct = fround(product + fround(fround(w * x) * level))
    const newSquare = fround(square + fround(fround(w * level) * level))
    const gain = fround(fround(newProduct * newProduct) * sums.square)
    if (!(gain > fround(fround(sums.product * sums.product) * newSquare))) continue
    levels[i] = level
    sums.product = newProduct
    sums.square = newSquare
    moved = true
  }
  return moved
}
