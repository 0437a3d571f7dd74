import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { argsort, createRng, kthSmallest, maskSmallest, smallest } from '../src/index.ts'

/** Few distinct values, so that ties are the rule. */
const values = fc.array(fc.oneof(fc.integer({ min: -3, max: 3 }), fc.double({ noNaN: true })), {
  minLength: 1,
  maxLength: 80,
})

describe('selection', () => {
  test('argsort is the stable sort, both ways', () => {
    fc.assert(
      fc.property(values, v => {
        const indices = v.map((_, i) => i)
        expect(Array.from(argsort(v))).toEqual(
          [...indices].sort((i, j) => (v[i]! < v[j]! ? -1 : v[i]! > v[j]! ? 1 : i - j)),
        )
        expect(Array.from(argsort(v, { descending: true }))).toEqual(
          [...indices].sort((i, j) => (v[i]! > v[j]! ? -1 : v[i]! < v[j]! ? 1 : i - j)),
        )
      }),
    )
    expect(Array.from(argsort([2, Number.NaN, 1]))).toEqual([2, 0, 1])
  })

  test('the k smallest are the first k of the stable sort, ties by index', () => {
    fc.assert(
      fc.property(values, fc.nat(), (v, n) => {
        const k = n % (v.length + 1)
        const expected = Array.from(argsort(v))
          .slice(0, k)
          .sort((a, b) => a - b)
        expect(Array.from(smallest(v, k))).toEqual(expected)
        expect(maskSmallest(v, k).reduce((sum, bit) => sum + bit, 0)).toBe(k)
        if (k > 0) expect(kthSmallest(v, k - 1) + 0).toBe(v[argsort(v)[k - 1]!]! + 0)
      }),
    )
  })

  test('the worst inputs of a quickselect stay linear: 10⁶ equal, sorted and organ-pipe values', () => {
    const n = 1_000_000
    const shapes = [() => 7, (i: number) => i, (i: number) => n - i, (i: number) => Math.min(i, n - i)]
    for (const shape of shapes) {
      const v = Float64Array.from({ length: n }, (_, i) => shape(i))
      expect(kthSmallest(v, n / 2)).toBe(Float64Array.from(v).sort()[n / 2])
    }
  })

  test('what cannot be asked is refused', () => {
    expect(() => kthSmallest([1, 2], 2)).toThrow('expected an index below 2, got 2')
    expect(() => kthSmallest([1, Number.NaN], 0)).toThrow('value 1 is NaN')
  })
})

describe('seeded generator', () => {
  test('the first numbers of a seed never change', () => {
    const rng = createRng('sinter')
    expect(Array.from({ length: 4 }, rng.uint32)).toMatchInlineSnapshot(`
      [
        3371392628,
        1677954471,
        1217269028,
        2819895931,
      ]
    `)
  })

  test('two generators of one seed agree for as long as they are asked', () => {
    const a = createRng(5)
    const b = createRng(5)
    for (let i = 0; i < 1000; i++) expect(a.uint32()).toBe(b.uint32())
  })

  test('uniform, normal and whole numbers have the moments they should', () => {
    const rng = createRng(1)
    const n = 200_000
    const moments = (draw: () => number) => {
      let sum = 0
      let square = 0
      for (let i = 0; i < n; i++) {
        const x = draw()
        sum += x
        square += x * x
      }
      return [sum / n, square / n - (sum / n) ** 2]
    }
    // Four standard errors.
    const [mean, variance] = moments(rng.uniform)
    expect(Math.abs(mean! - 0.5)).toBeLessThan(4 * Math.sqrt(1 / 12 / n))
    expect(Math.abs(variance! - 1 / 12)).toBeLessThan(4 * Math.sqrt(1 / 180 / n))
    const [centre, spread] = moments(rng.normal)
    expect(Math.abs(centre!)).toBeLessThan(4 / Math.sqrt(n))
    expect(Math.abs(spread! - 1)).toBeLessThan(4 * Math.sqrt(2 / n))
    const counts = new Array<number>(7).fill(0)
    for (let i = 0; i < n; i++) counts[rng.integer(7)]!++
    const chi = counts.reduce((sum, c) => sum + (c - n / 7) ** 2 / (n / 7), 0)
    // 6 degrees of freedom: exceeded once in 10,000.
    expect(chi).toBeLessThan(27.9)
    expect(() => rng.integer(0)).toThrow('0 < n <= 2^32, got 0')
  })

  test('shuffles are permutations; labels give generators of their own', () => {
    const rng = createRng(3)
    expect(rng.shuffle([0, 1, 2, 3, 4, 5]).sort()).toEqual([0, 1, 2, 3, 4, 5])
    const fresh = createRng(3).split('calibration').uint32()
    expect(rng.split('calibration').uint32()).toBe(fresh)
    expect(rng.split('evaluation').uint32()).not.toBe(fresh)
    expect(createRng(3).uint32()).not.toBe(createRng(4).uint32())
  })
})
