import { clamp, nearestInt } from './nearest-int.ts'

const { fround } = Math

/**
 * What searches found, an entry a sub-block: values are `scale · code − min`, and the codes of the search are those nearest to
 * `factor · (value − base)`. Where nothing was to be found (a sub-block of equal values) scale and factor are 0, and so are the codes.
 */
export interface Fits {
  readonly scales: Float32Array
  readonly mins: Float32Array
  readonly factors: Float32Array
  readonly bases: Float32Array
  /** Sum of the weights that its values were given. */
  readonly weights: Float32Array
}

export function createFits(count: number): Fits {
  const array = (): Float32Array => new Float32Array(count)
  return { scales: array(), mins: array(), factors: array(), bases: array(), weights: array() }
}

/** Codes of a sub-block as its search left them, `least … most`, stored from 0. */
export function codesOfFit(
  { factors, bases }: Fits,
  sub: number,
  values: Float32Array,
  from: number,
  codes: Uint8Array,
  to: number,
  { length, least, most }: { length: number; least: number; most: number },
): void {
  const factor = factors[sub]!
  if (factor === 0) codes.fill(0, to, to + length)
  else
    for (let i = 0; i < length; i++) {
      const level = fround(factor * fround(values[from + i]! - bases[sub]!))
      codes[to + i] = clamp(nearestInt(level), least, most) - least
    }
}
