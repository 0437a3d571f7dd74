import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compareLogits } from '../src/compare-logits.ts'

const rows = (...values: number[]): Float32Array => Float32Array.from(values)

describe('two computations of the same logits', () => {
  it('that are equal', () => {
    const a = rows(1, 2, 3, 6, 5, 4)
    expect(compareLogits(a, a.slice(), 3)).toMatchObject({ largest: 0, mean: 0, kl: 0, topAgreement: 1 })
    // Variance of 1 … 6.
    expect(compareLogits(a, a.slice(), 3).spread).toBeCloseTo(Math.sqrt(35 / 12), 12)
  })

  it('by hand: probabilities 1/2 1/2 beside 1/4 3/4, and a row with another top', () => {
    const a = rows(0, 0, Math.log(3), 0)
    const b = rows(Math.log(3), 0, 0, Math.log(3))
    const first = 0.5 * Math.log(0.5 / 0.25) + 0.5 * Math.log(0.5 / 0.75)
    const second = 0.75 * Math.log(0.75 / 0.25) + 0.25 * Math.log(0.25 / 0.75)
    const found = compareLogits(a, b, 2)
    expect(found.kl).toBeCloseTo((first + second) / 2, 6)
    expect(found.largest).toBeCloseTo(Math.log(3), 6)
    expect(found.mean).toBeCloseTo((3 / 4) * Math.log(3), 6)
    expect(found.topAgreement).toBe(0.5)
  })

  it('a constant added to a row moves the logits and not the predictions', () => {
    const value = fc.float({ min: -20, max: 20, noNaN: true })
    fc.assert(
      fc.property(fc.array(value, { minLength: 2, maxLength: 9 }), fc.integer({ min: -8, max: 8 }), (row, shift) => {
        const a = Float32Array.from(row)
        const found = compareLogits(
          a,
          a.map(x => x + shift),
          a.length,
        )
        expect(found.largest).toBeCloseTo(Math.abs(shift), 4)
        expect(Math.abs(found.kl)).toBeLessThan(1e-5)
      }),
    )
  })

  it('a value that is no number agrees with nothing', () => {
    expect(compareLogits(rows(1, 2), rows(1, Number.NaN), 2).largest).toBe(Number.POSITIVE_INFINITY)
    expect(compareLogits(rows(1, Number.NaN, 3), rows(1, 2, 5), 3).largest).toBe(Number.POSITIVE_INFINITY)
  })

  it('of two sizes, or of none', () => {
    for (const [a, b] of [
      [rows(1, 2), rows(1)],
      [rows(1, 2, 3), rows(1, 2, 3)],
      [rows(), rows()],
    ] as const)
      expect(() => compareLogits(a, b, 2)).toThrow('expected two of one size')
  })
})
