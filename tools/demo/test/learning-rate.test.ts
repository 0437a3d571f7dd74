import fc from 'fast-check'
import { expect, test } from 'vitest'
import { coolFrom, multiplierOf } from '../src/learning-rate.ts'

const shape = { warmup: 4, hold: 10, horizon: 20 }

test('rises in a line, stays, and falls as the square of what is left', () => {
  const multiplier = multiplierOf({ ...shape, steps: 20, cooldown: 0 })
  expect([0, 1, 2, 3, 4].map(multiplier)).toEqual([0, 0.25, 0.5, 0.75, 1])
  expect([5, 9, 10].map(multiplier)).toEqual([1, 1, 1])
  expect([11, 15, 19].map(multiplier)).toEqual([0.81, 0.25, expect.closeTo(0.01, 12)])
})

test('a cooldown takes it to 0 in a line', () => {
  const multiplier = multiplierOf({ ...shape, steps: 16, cooldown: 4 })
  const fall = multiplierOf({ ...shape, steps: 20, cooldown: 0 })
  expect([11, 12, 13, 15, 16].map(step => multiplier(step) / fall(step))).toEqual([1, 1, 0.75, 0.25, 0])
})

test('before the cooldown nothing depends on the end', () => {
  const end = fc.record({ steps: fc.integer({ min: 10, max: 20 }), cooldown: fc.integer({ min: 0, max: 10 }) })
  fc.assert(
    fc.property(end, end, (one, other) => {
      for (let step = 0; step < Math.min(coolFrom(one), coolFrom(other)); step++)
        expect(multiplierOf({ ...shape, ...one })(step)).toBe(multiplierOf({ ...shape, ...other })(step))
    }),
  )
})
