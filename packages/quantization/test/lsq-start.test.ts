import { randomModel } from '@sinter/model/testing'
import { expect, test } from 'vitest'
import { lsq } from '../src/index.ts'

const high = 3

/** Square error of every row of a matrix rounded by its steps, and how far each step is from the best for its codes. */
function rowsOf(weight: Float32Array, steps: Float32Array, width: number): { error: number; away: number }[] {
  return [...steps].map((step, row) => {
    const values = [...weight.subarray(row * width, (row + 1) * width)]
    const codes = values.map(value => Math.min(Math.max(Math.round(value / step), -high), high))
    const product = values.reduce((sum, value, i) => sum + value * codes[i]!, 0)
    const square = codes.reduce((sum, code) => sum + code * code, 0)
    const error = values.reduce((sum, value, i) => sum + (value - step * codes[i]!) ** 2, 0)
    return { error, away: Math.abs(product / square / step - 1) }
  })
}

test('steps begin where no other step rounds the same codes better, and never worse than the mean', async () => {
  const model = randomModel()
  const [least, mean] = await Promise.all(
    ['error', 'mean'].map(initial => lsq.setUp(model, lsq.options.parse({ bits: 3, initial }), { seed: 0 })),
  )
  let layers = 0
  for (const [name, { shape, data }] of least!.parameters) {
    if (!name.endsWith('.weight')) continue
    const width = shape[1] as number
    const from = (setup: typeof least) =>
      rowsOf(data as Float32Array, setup!.parameters.get(`${name}_scale`)!.data, width)
    const [ours, papers] = [from(least), from(mean)]
    for (const [row, { error, away }] of ours.entries()) {
      expect(error).toBeLessThanOrEqual(papers[row]!.error * (1 + 1e-6))
      expect(away).toBeLessThan(0.02)
    }
    layers++
  }
  expect(layers).toBeGreaterThan(0)
})
