import { layerError, layerFixture } from '@sinter/model/testing'
import { encodeWeight, type TensorF32, totalBits } from '@sinter/tensor-core'
import { expect, test } from 'vitest'
import { magnitudeMask } from '../src/magnitude.ts'
import { sparseGpt } from '../src/sparsegpt.ts'
import { wandaMask } from '../src/wanda.ts'

const width = 64
const { layers, statistics } = layerFixture({ seed: 'proofs', rows: [24], width, tokens: 400 })
const weight = layers.get('layer0')!
const { gram, sumSquares } = statistics
const norms = sumSquares.map(Math.sqrt)

const masked = (removed: Uint8Array): TensorF32 => ({
  ...weight,
  data: weight.data.map((w, k) => (removed[k] ? 0 : w)),
})

function damped(share: number): Float64Array {
  const mean = sumSquares.reduce((a, b) => a + b) / width
  return gram.map((value, k) => (k % (width + 1) === 0 ? value + share * mean : value))
}

for (const options of [
  {},
  { pattern: '2:4' },
  { pattern: '4:8' },
  { bits: 4, groupSize: 32 },
  { pattern: '2:4', bits: 3 },
])
  test(`SparseGPT ${JSON.stringify(options)}: the sum of e² is tr(ΔW H ΔWᵀ) with the damped H`, async () => {
    const result = await sparseGpt(weight, gram, { ...options, dtype: 'f32' })
    const error = layerError(weight, result.weight.dense(), damped(result.hessian.damping))
    expect(error / result.loss).toBeCloseTo(1, 5)
  })

test('when H is diagonal SparseGPT removes what Wanda removes, row by row (w²/U² = w² H_jj)', async () => {
  const diagonal = gram.map((value, k) => (k % (width + 1) === 0 ? value : 0))
  for (let row = 0; row < 24; row++) {
    const one: TensorF32 = { ...weight, shape: [1, width], data: weight.data.slice(row * width, (row + 1) * width) }
    const { removed } = await sparseGpt(one, diagonal, { damping: 0 })
    expect(removed).toEqual(wandaMask(one, norms, { sparsity: 0.5 }))
  }
  const { removed } = await sparseGpt(weight, diagonal, { damping: 0, pattern: '2:4' })
  expect(removed).toEqual(wandaMask(weight, norms, { pattern: { zeros: 2, of: 4 } }))
})

test('sparsity 0 leaves the matrix alone', async () => {
  const result = await sparseGpt(weight, gram, { sparsity: 0, dtype: 'f32' })
  expect(result.weight.dense().data).toEqual(weight.data)
  expect(result.loss).toBe(0)
})

test('layer errors: SparseGPT < Wanda < magnitude, at 50 % and 2:4; 2:4 is worse than 4:8', async () => {
  const error = (after: TensorF32) => layerError(weight, after, gram)
  const solved = async (options: object) =>
    error((await sparseGpt(weight, gram, { ...options, dtype: 'f32' })).weight.dense())
  const pattern = { zeros: 2, of: 4 }
  const half = [await solved({}), error(masked(wandaMask(weight, norms, {}))), error(masked(magnitudeMask(weight, {})))]
  const two = [
    await solved({ pattern: '2:4' }),
    error(masked(wandaMask(weight, norms, { pattern }))),
    error(masked(magnitudeMask(weight, { pattern }))),
  ]
  for (const errors of [half, two]) expect(errors).toEqual([...errors].sort((a, b) => a - b))
  expect(await solved({ pattern: '4:8' })).toBeLessThan(two[0]!)
})

test('one pass of pruning and rounding beats pruning, then rounding', async () => {
  const joint = await sparseGpt(weight, gram, { bits: 4, groupSize: 32 })
  const pruned = (await sparseGpt(weight, gram, { dtype: 'f32' })).weight.dense()
  const rounded = pruned.data.slice()
  for (let from = 0; from < rounded.length; from += 32) {
    const run = rounded.subarray(from, from + 32)
    const low = Math.min(0, ...run)
    const scale = (Math.max(0, ...run) - low) / 15
    const zero = Math.round(-low / scale)
    run.forEach((w, k) => {
      run[k] = scale * (Math.max(0, Math.min(15, Math.round(w / scale) + zero)) - zero)
    })
  }
  expect(layerError(weight, joint.weight.dense(), gram)).toBeLessThan(
    layerError(weight, { ...pruned, data: rounded }, gram),
  )
})

test('removed weights are exact zeros in joint mode, and only kept codes are stored', async () => {
  const { weight: sparse, removed } = await sparseGpt(weight, gram, { bits: 4, groupSize: 32, pattern: '2:4' })
  expect(
    sparse
      .dense()
      .data.filter((_, k) => removed[k])
      .every(value => value === 0),
  ).toBe(true)
  // 2 of 4 codes (2 bits a weight), their places (1), scale and zero point of 32 (20/32).
  expect(totalBits(sparse.bits()) / (24 * width)).toBe(2 + 1 + 20 / 32)
  expect(encodeWeight(sparse).tensors['inner.codes']!.data.byteLength).toBe((24 * width) / 4)
})
