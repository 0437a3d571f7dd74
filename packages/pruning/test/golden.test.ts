import { goldenTest } from '@sinter/model/testing'
import { defaultCompute, prepareHessian, toF32 } from '@sinter/tensor-core'
import { expect } from 'vitest'
import { magnitudeMask } from '../src/magnitude.ts'
import { sparseGpt } from '../src/sparsegpt.ts'
import { wandaMask } from '../src/wanda.ts'

goldenTest('magnitude masks', import.meta.url, 'prune', ['_input', 'magnitude'], (input, expected) => {
  const weight = toF32(input.tensor('W'))
  expect(magnitudeMask(weight, { scope: 'layer' })).toEqual(expected.tensor('layer_50').data)
  expect(magnitudeMask(weight, { scope: 'row' })).toEqual(expected.tensor('row_50').data)
  expect(magnitudeMask(weight, { pattern: { zeros: 2, of: 4 } })).toEqual(expected.tensor('mask_2of4').data)
})

goldenTest('Wanda masks (arXiv:2306.11695 §3)', import.meta.url, 'prune', ['_input', 'wanda'], (input, expected) => {
  const weight = toF32(input.tensor('W'))
  const norms = expected.f64('scaler_row').map(Math.sqrt)
  const cases = { mask_50: { sparsity: 0.5 }, mask_60: { sparsity: 0.6 } }
  for (const [name, options] of Object.entries(cases))
    expect(wandaMask(weight, norms, options), name).toEqual(expected.tensor(name).data)
  for (const [name, pattern] of [
    ['mask_2of4', { zeros: 2, of: 4 }],
    ['mask_4of8', { zeros: 4, of: 8 }],
  ] as const)
    expect(wandaMask(weight, norms, { pattern }), name).toEqual(expected.tensor(name).data)
})

const patterns = { sparsegpt_2of4: '2:4', sparsegpt_4of8: '4:8' } as const
for (const [name, pattern] of Object.entries(patterns))
  goldenTest(name, import.meta.url, 'prune', ['_input', name], async (input, expected) => {
    const compute = defaultCompute()
    const weight = toF32(input.tensor('W'))
    // The reference lets a dead input count as 1, whatever the scale of H.
    const hessian = await prepareHessian(input.f64('H'), 128, { compatible: true }, compute)
    const ours = await sparseGpt(weight, hessian, { pattern, dtype: 'f32' }, compute)
    expect(ours.removed).toEqual(expected.tensor('mask').data)
    const reference = expected.f64('W')
    const values = ours.weight.dense().data
    for (let k = 0; k < values.length; k++) expect(Math.abs(values[k]! - reference[k]!)).toBeLessThan(1e-6)
  })

goldenTest(
  'SparseGPT 50 %: one weight a block more goes in the reference',
  import.meta.url,
  'prune',
  ['_input', 'sparsegpt_50'],
  async (input, expected) => {
    const compute = defaultCompute()
    const hessian = await prepareHessian(input.f64('H'), 128, { compatible: true }, compute)
    const ours = await sparseGpt(toF32(input.tensor('W')), hessian, { dtype: 'f32' }, compute)
    const reference = expected.tensor('mask').data as Uint8Array
    const more = reference.filter((r, k) => r && !ours.removed[k]).length
    expect([ours.removed.reduce((sum, r) => sum + r, 0), more]).toEqual([64 * 64, 1])
    expect(reference.filter((r, k) => !r && ours.removed[k]).length).toBe(0)
  },
)
