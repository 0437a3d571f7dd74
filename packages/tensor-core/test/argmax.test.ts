import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import {
  argmax,
  f32,
  graph,
  input,
  type Node,
  ortNodeBackend,
  referenceBackend,
  type Tensor,
  takeAlong,
  toTensor,
} from '../src/index.ts'

const onnx = ortNodeBackend({ threads: 1 })
afterAll(() => onnx.close())

const x = input('x', 'f32', ['rows', 'cols'])
const at = input('at', 'i32', ['rows', 2])

describe.each([
  ['interpreter', referenceBackend()],
  ['ONNX Runtime', onnx],
])('%s', (_, backend) => {
  const run = async (y: Node, inputs: Record<string, Tensor>): Promise<number[]> => {
    const program = await backend.compile(graph({ y }))
    const { y: value } = await program.run(inputs)
    await program.close()
    return Array.from((await toTensor(value!)).data as Float32Array)
  }

  test('argmax is the first of the largest', async () => {
    // A small set of values, so that ties are common.
    const row = fc.array(fc.integer({ min: -2, max: 2 }), { minLength: 5, maxLength: 5 })
    await fc.assert(
      fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 4 }), async rows => {
        const expected = rows.map(values => values.indexOf(Math.max(...values)))
        expect(await run(argmax(x), { x: f32([rows.length, 5], rows.flat()) })).toEqual(expected)
      }),
      { numRuns: 20 },
    )
  })

  test('takeAlong takes by index in each row, as often as asked', async () => {
    const inputs = {
      x: f32([2, 3], [1, 2, 3, 4, 5, 6]),
      at: { dtype: 'i32', shape: [2, 2], data: Int32Array.of(2, 0, 1, 1) },
    }
    expect(await run(takeAlong(x, at), inputs as Record<string, Tensor>)).toEqual([3, 1, 5, 5])
  })

  test('the largest is what argmax points at', async () => {
    const values = f32([3, 4], [0, 9, 1, 2, -5, -7, -3, -4, 8, 8, 8, 9])
    expect(await run(takeAlong(x, argmax(x)), { x: values })).toEqual([9, -3, 9])
  })

  test('an index outside of the row is an error', async () => {
    const inputs = { x: f32([1, 2], [1, 2]), at: { dtype: 'i32', shape: [1, 2], data: Int32Array.of(0, 2) } }
    await expect(run(takeAlong(x, at), inputs as Record<string, Tensor>)).rejects.toThrow(/index/)
  })
})

test('shapes that do not fit are refused when the graph is traced', () => {
  expect(() => takeAlong(x, input('other', 'i32', ['other', 1]))).toThrow(
    'takeAlong: x [rows, cols] and indices [other, 1]',
  )
  expect(() => takeAlong(x, input('other', 'f32', ['rows', 1]))).toThrow('indices must be i32 or i64')
})
