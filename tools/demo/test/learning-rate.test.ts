import fc from 'fast-check'
import { expect, test } from 'vitest'
import { coolFrom, multiplierOf } from '../src/learning-rate.ts'

const warmup = 4

test('rises in a line, stays, and goes to 0 in a line', () => {
  const multiplier = multiplierOf({ warmup, steps: 16, cooldown: 4 })
  expect([0, 1, 2, 3, 4].map(multiplier)).toEqual([0, 0.25, 0.5, 0.75, 1])
  expect([5, 11, 12, 13, 15, 16].map(multiplier)).toEqual([1, 1, 1, 0.75, 0.25, 0])
})

test('before the cooldown nothing depends on the end', () => {
  const end = fc.record({ steps: fc.integer({ min: 10, max: 20 }), cooldown: fc.integer({ min: 0, max: 10 }) })
  fc.assert(
    fc.property(end, end, (one, other) => {
      for (let step = 0; step < Math.min(coolFrom(one), coolFrom(other)); step++)
        expect(multiplierOf({ warmup, ...one })(step)).toBe(multiplierOf({ warmup, ...other })(step))
    }),
  )
})
