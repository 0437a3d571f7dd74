import { createRng } from '@sinter/tensor-core'
import { describe, expect, test } from 'vitest'
import { gridPenalty, kurtosisPenalty, sinePenalty } from '../src/qat/regularisers.ts'

const rng = createRng('rows')
// The largest weight sets the step, which the slopes take as a constant: it is left alone.
const row = Float32Array.from({ length: 24 }, (_, i) => (i === 0 ? 3 : 0.8 * rng.normal()))

describe('penalties', () => {
  test.each([
    ['sine', sinePenalty],
    ['grid', gridPenalty],
    ['kurtosis', kurtosisPenalty],
  ] as const)('%s: slopes are those of the sum', (_, penalty) => {
    const slope = new Float64Array(row.length)
    penalty(row, 7, slope)
    const other = new Float64Array(row.length)
    for (let i = 1; i < row.length; i++) {
      const [up, down] = [1, -1].map(sign => {
        const moved = row.slice()
        moved[i] = row[i]! + sign * 2 ** -10
        return penalty(moved, 7, other)
      })
      expect((up! - down!) / 2 ** -9).toBeCloseTo(slope[i]!, 2)
    }
  })

  test('what lies on the levels pays nothing', () => {
    const levels = Float32Array.from({ length: 15 }, (_, i) => (i - 7) / 4)
    const slope = new Float64Array(15)
    expect(sinePenalty(levels, 7, slope)).toBeLessThan(1e-20)
    expect(gridPenalty(levels, 7, slope)).toBe(0)
    expect(Math.max(...slope.map(Math.abs))).toBe(0)
  })

  test('a uniform row has the kurtosis that is asked for', () => {
    const uniform = Float32Array.from({ length: 10001 }, (_, i) => i - 5000)
    expect(kurtosisPenalty(uniform, 7, new Float64Array(10001))).toBeLessThan(1e-6)
  })
})
