import type { FloatArray } from './optimizer.ts'

/** Σ x², in f64. Four sums, because each addition waits for the one before. */
export function sumSquares(values: FloatArray): number {
  let [a, b, c, d] = [0, 0, 0, 0]
  const quads = values.length - (values.length % 4)
  for (let i = 0; i < quads; i += 4) {
    a += values[i]! * values[i]!
    b += values[i + 1]! * values[i + 1]!
    c += values[i + 2]! * values[i + 2]!
    d += values[i + 3]! * values[i + 3]!
  }
  for (let i = quads; i < values.length; i++) a += values[i]! * values[i]!
  return a + b + (c + d)
}

/** √Σ x² over all gradients together; they are read one after the other, so they may come from disk. */
export function globalNorm(gradients: Iterable<FloatArray>): number {
  let sum = 0
  for (const gradient of gradients) sum += sumSquares(gradient)
  return Math.sqrt(sum)
}

/**
 * The factor, at most 1, that brings gradients of this norm down to `maxNorm` (Pascanu et al., arXiv:1211.5063 §3.2).
 * 1e-6 is added to the norm, as PyTorch does.
 */
export function clipFactor(norm: number, maxNorm: number): number {
  checkLimit('clipFactor: maxNorm', maxNorm)
  return Math.min(1, maxNorm / (norm + 1e-6))
}

/**
 * Scales all gradients by one factor, in place, so that their common norm is at most `maxNorm`.
 * @returns the norm before. When it is not finite the gradients are left as they are: leave out the step
 */
export function clipGlobalNorm(gradients: readonly FloatArray[], maxNorm: number): number {
  const norm = globalNorm(gradients)
  const factor = clipFactor(norm, maxNorm)
  if (Number.isFinite(norm) && factor < 1) for (const gradient of gradients) scale(gradient, factor)
  return norm
}

function scale(values: FloatArray, factor: number): void {
  for (let i = 0; i < values.length; i++) values[i]! *= factor
}

/** Moves every value into −limit … limit, in place. */
export function clipValue(gradient: FloatArray, limit: number): void {
  checkLimit('clipValue: limit', limit)
  for (let i = 0; i < gradient.length; i++) gradient[i] = Math.max(-limit, Math.min(limit, gradient[i]!))
}

function checkLimit(name: string, limit: number): void {
  if (!(limit > 0))
    throw new RangeError(`${name}: expected a number above 0, got ${limit}; to clip nothing, do not call`)
}
