import { createRng, gemm, type Matrix, matrix, symmetricEigen, type TensorF32, transposed } from '@sinter/tensor-core'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { initialLora, makeUpFor, mergeLora } from '../src/lora.ts'

const drawn = (rows: number, cols: number, rng: ReturnType<typeof createRng>): Matrix => {
  const m = matrix(rows, cols)
  for (let i = 0; i < m.data.length; i++) m.data[i] = rng.uniform() - 0.5
  return m
}

/** A Gram whose directions weigh from 1 to some hundredths, as those of activations do. */
async function gramOf(width: number, rng: ReturnType<typeof createRng>): Promise<Matrix> {
  const x = drawn(3 * width, width, rng)
  for (let r = 0; r < x.rows; r++) for (let i = 0; i < width; i++) x.data[r * width + i]! *= 0.8 ** i
  return gemm(x, x, { transA: true })
}

const tensor = ({ rows, cols, data }: Matrix): TensorF32 => ({
  dtype: 'f32',
  shape: [rows, cols],
  data: Float32Array.from(data),
})

/** tr(D G Dᵀ): the square error of the layer's output. */
async function outputError(a: TensorF32, b: TensorF32, gram: Matrix): Promise<number> {
  const [rows, cols] = a.shape as readonly [number, number]
  const d = matrix(rows, cols)
  for (let i = 0; i < d.data.length; i++) d.data[i] = a.data[i]! - b.data[i]!
  const through = await gemm(gram, transposed(d))
  let sum = 0
  for (let r = 0; r < rows; r++)
    for (let i = 0; i < cols; i++) sum += d.data[r * cols + i]! * through.data[i * rows + r]!
  return sum
}

test('an adapter that makes up for rounding leaves the least error of its rank', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        out: fc.integer({ min: 2, max: 40 }),
        width: fc.integer({ min: 2, max: 40 }),
        rank: fc.integer({ min: 1, max: 12 }),
        alpha: fc.constantFrom(1, 8, 32),
        seed: fc.nat(),
      }),
      async ({ out, width, rank, alpha, seed }) => {
        const rng = createRng(seed)
        const [weight, error] = [drawn(out, width, rng), drawn(out, width, rng)]
        const rounded = matrix(out, width)
        for (let i = 0; i < rounded.data.length; i++) rounded.data[i] = weight.data[i]! - error.data[i]! / 10
        const gram = await gramOf(width, rng)
        const factors = { ...initialLora([out, width], rank, rng), scale: alpha / rank }
        await makeUpFor(factors, tensor(weight), tensor(rounded), gram.data, rng)
        const left = await outputError(tensor(weight), mergeLora(tensor(rounded), factors), gram)

        const e = matrix(out, width)
        for (let i = 0; i < e.data.length; i++) e.data[i] = weight.data[i]! - rounded.data[i]!
        const { values } = symmetricEigen(await gemm(e, await gemm(gram, transposed(e))))
        const total = values.reduce((sum, value) => sum + value, 0)
        // Eckart and Young: what no product of that rank can take away.
        const least = values.slice(0, Math.max(0, out - rank)).reduce((sum, value) => sum + Math.max(0, value), 0)
        expect(left).toBeGreaterThanOrEqual(least - 1e-5 * total)
        expect(left).toBeLessThanOrEqual(least * 1.001 + 1e-5 * total)
      },
    ),
    { numRuns: 60 },
  )
})

test('what was not rounded leaves an adapter as it was', async () => {
  const rng = createRng(1)
  const weight = tensor(drawn(6, 5, rng))
  const factors = { ...initialLora([6, 5], 3, rng), scale: 1 }
  const before = [factors.a, factors.b].map(({ data }) => data.slice())
  await makeUpFor(factors, weight, weight, (await gramOf(5, rng)).data, rng)
  expect([factors.a.data, factors.b.data]).toEqual(before)
})
