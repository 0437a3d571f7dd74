import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { divergence, estimateMean, perplexity, quantile, spread } from '../src/index.ts'

const finite = fc.double({ min: -50, max: 50, noNaN: true })

describe('moments', () => {
  test('standard error is sqrt(population variance / (n − 1))', () => {
    // values 1 2 3 4: mean 2.5, population variance 1.25
    expect(estimateMean([1, 2, 3, 4])).toEqual({ value: 2.5, standardError: Math.sqrt(1.25 / 3) })
    expect(estimateMean([7]).standardError).toBe(0)
  })

  test('a large common offset costs no digits', () => {
    const near = estimateMean([1, 2, 3, 4])
    const far = estimateMean([1, 2, 3, 4].map(x => x + 1e9))
    expect(far.standardError).toBeCloseTo(near.standardError, 9)
  })

  test('quantiles are linear between neighbours at f · (n − 1)', () => {
    const sorted = [0, 10, 20, 30, 40]
    expect(quantile(sorted, 0.5)).toBe(20)
    expect(quantile(sorted, 0.9)).toBeCloseTo(36, 12)
    expect(quantile(sorted, 0.999)).toBeCloseTo(39.96, 12)
    expect(quantile(sorted, 1)).toBe(40)
    expect(quantile([5], 0.01)).toBe(5)
  })

  test('spread of 0 … 1000 has the percentiles one can read off', () => {
    // Shuffled by a stride that is coprime to the count.
    const values = Float64Array.from({ length: 1001 }, (_, i) => (i * 17) % 1001)
    expect(spread(values)).toMatchObject({ value: 500, min: 0, max: 1000, median: 500 })
    const expected = { '99.9': 999, '99': 990, '95': 950, '90': 900, '10': 100, '5': 50, '1': 10, '0.1': 1 }
    for (const [percent, value] of Object.entries(expected))
      expect(spread(values).percentiles[percent as keyof typeof expected]).toBeCloseTo(value, 9)
  })

  test('spread does not reorder what it is given', () => {
    const values = Float64Array.of(3, 1, 2)
    spread(values)
    expect([...values]).toEqual([3, 1, 2])
  })

  test('perplexity of a uniform guess over 7 tokens is 7, and its error is first order', () => {
    expect(perplexity(new Float64Array(100).fill(Math.log(7))).standardError).toBeLessThan(1e-12)
    expect(perplexity(new Float64Array(100).fill(Math.log(7))).value).toBeCloseTo(7, 12)
    const { value, standardError, nllStandardError } = perplexity([1, 2, 3, 4])
    expect(standardError).toBeCloseTo(value * nllStandardError, 12)
  })
})

describe('divergence', () => {
  const scores = (model: number[], base: number[], kl = model.map(() => 0), sameTop = model.map(() => 1)) =>
    divergence({
      nll: Float64Array.from(model),
      base: { nll: Float64Array.from(base), kl: Float64Array.from(kl), sameTop: Uint8Array.from(sameTop) },
    })

  test('the error of the ratio takes off the covariance', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(finite, finite), { minLength: 2, maxLength: 50 }), pairs => {
        const [a, b] = [pairs.map(p => p[0]), pairs.map(p => p[1])]
        const n = pairs.length
        const mean = (x: number[]) => x.reduce((s, v) => s + v, 0) / n
        const cov = (x: number[], y: number[]) => (mean(x.map((v, i) => v * y[i]!)) - mean(x) * mean(y)) / (n - 1)
        const expected = Math.sqrt(Math.max(0, cov(a, a) + cov(b, b) - 2 * cov(a, b)))
        expect(scores(a, b).logPerplexityRatio.standardError).toBeCloseTo(expected, 4)
      }),
    )
  })

  test('a constant shift of ln p is a certain ratio', () => {
    const { logPerplexityRatio, perplexityRatio, correlation } = scores([1.5, 2.5, 4.5], [1, 2, 4])
    expect(logPerplexityRatio).toEqual({ value: 0.5, standardError: 0 })
    expect(perplexityRatio.value).toBeCloseTo(Math.exp(0.5), 12)
    expect(correlation).toBeCloseTo(1, 12)
  })

  test('agreement 3 of 4 has the binomial error', () => {
    expect(scores([1, 1, 1, 1], [1, 1, 1, 1], [0, 0, 0, 0], [1, 1, 0, 1]).topAgreement).toEqual({
      value: 0.75,
      standardError: Math.sqrt((0.75 * 0.25) / 3),
    })
  })

  test('Δp by hand', () => {
    const nll = (p: number[]) => p.map(x => -Math.log(x))
    const { deltaP, rmsDeltaP } = scores(nll([0.5, 0.1]), nll([0.2, 0.5]))
    expect(deltaP.value).toBeCloseTo(-0.05, 12)
    expect(rmsDeltaP.value).toBeCloseTo(Math.sqrt((0.09 + 0.16) / 2), 12)
    // squares 0.09 and 0.16: error of their mean 0.035, halved and divided by the root mean square
    expect(rmsDeltaP.standardError).toBeCloseTo(0.035 / (2 * Math.sqrt(0.125)), 12)
  })

  test('scores without a base are refused', () => {
    expect(() => divergence({ nll: Float64Array.of(1) })).toThrow('give a base')
  })
})
