import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { f32, graph, input, ortNodeBackend, referenceBackend, type Tensor, topIndices } from '../src/index.ts'

const onnx = ortNodeBackend({ threads: 1 })
afterAll(() => onnx.close())

const x = input('x', 'f32', ['rows', 'cols'])

describe.each([
  ['interpreter', referenceBackend()],
  ['ONNX Runtime', onnx],
])('%s', (_, backend) => {
  test.each([1, 3, 9])('the %i largest, the largest first, of equals the first', async k => {
    const program = await backend.compile(graph({ y: topIndices(x, k) }))
    // A small set of values, so that ties are common.
    const row = fc.array(fc.integer({ min: -3, max: 3 }), { minLength: 9, maxLength: 9 })
    await fc.assert(
      fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 5 }), async rows => {
        const { y } = (await program.run({ x: f32([rows.length, 9], rows.flat()) })) as { y: Tensor }
        const expected = rows.flatMap(values =>
          [...values.keys()].toSorted((a, b) => values[b]! - values[a]! || a - b).slice(0, k),
        )
        expect(Array.from(y.data as Int32Array)).toEqual(expected)
        expect([y.dtype, y.shape]).toEqual(['i32', [rows.length, k]])
      }),
      { numRuns: 30 },
    )
    await program.close()
  })

  test('as many as a vocabulary has', async () => {
    const wide = Float32Array.from({ length: 2 * 5000 }, (_, i) => Math.fround(Math.sin(i * 1.7) * 9))
    const program = await backend.compile(graph({ y: topIndices(x, 64) }))
    const { y } = (await program.run({ x: f32([2, 5000], wide) })) as { y: Tensor }
    for (const row of [0, 1]) {
      const values = wide.subarray(row * 5000, (row + 1) * 5000)
      const best = Float32Array.from(values).sort().toReversed().slice(0, 64)
      const own = (y.data as Int32Array).subarray(row * 64, (row + 1) * 64)
      expect(Array.from(own, i => values[i])).toEqual(Array.from(best))
    }
  })
})

test('more than there are is refused when the graph is traced', () => {
  expect(() => topIndices(input('x', 'f32', ['rows', 4]), 5)).toThrow(
    'topIndices: 5 of the last dimension of [rows, 4]',
  )
})
