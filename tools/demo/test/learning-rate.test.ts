import fc from 'fast-check'
import { expect, test } from 'vitest'
import { multiplierOf } from '../src/learning-rate.ts'

test('rises in a line, stays, and falls as the square of what is left', () => {
  const multiplier = multiplierOf({ steps: 20, warmup: 4, decay: 10 })
  expect([0, 1, 2, 3, 4].map(multiplier)).toEqual([0, 0.25, 0.5, 0.75, 1])
  expect([5, 9, 10].map(multiplier)).toEqual([1, 1, 1])
  expect([11, 15, 19, 20].map(multiplier)).toEqual([0.81, 0.25, expect.closeTo(0.01, 12), 0])
})

test('before it falls nothing depends on the length', () => {
  fc.assert(
    fc.property(
      fc.nat(100),
      fc.integer({ min: 1, max: 500 }),
      fc.integer({ min: 1, max: 500 }),
      (hold, short, long) => {
        const one = multiplierOf({ steps: 10 + hold + short, warmup: 10, decay: short })
        const other = multiplierOf({ steps: 10 + hold + long, warmup: 10, decay: long })
        for (let step = 0; step <= 10 + hold; step++) expect(other(step)).toBe(one(step))
      },
    ),
  )
})
