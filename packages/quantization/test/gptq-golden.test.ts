import { goldenTest } from '@sinter/model/testing'
import { defaultCompute, prepareHessian, type TensorF32, toF32 } from '@sinter/tensor-core'
import { expect } from 'vitest'
import { gptq } from '../src/gptq.ts'
import type { GptqOptions } from '../src/gptq-options.ts'
import { rtn } from '../src/rtn.ts'

/** tr(ΔW H ΔWᵀ) */
function layerError(a: TensorF32, b: TensorF32, hessian: Float64Array): number {
  const [rows, cols] = a.shape as [number, number]
  let total = 0
  for (let r = 0; r < rows; r++)
    for (let i = 0; i < cols; i++) {
      const at = r * cols
      let sum = 0
      for (let j = 0; j < cols; j++) sum += hessian[i * cols + j]! * (a.data[at + j]! - b.data[at + j]!)
      total += sum * (a.data[at + i]! - b.data[at + i]!)
    }
  return total
}

const base: Partial<GptqOptions> = {
  scaleDType: 'f32',
  actOrder: false,
  symmetricRange: 'full',
  range: 'minmax',
  weighted: false,
}
const cases: Readonly<Record<string, readonly [options: Partial<GptqOptions>, float64: number]>> = {
  row4_asym: [{ bits: 4, symmetric: false, groupSize: -1 }, 2.8101312699941174],
  row3_sym: [{ bits: 3, groupSize: -1 }, 24.429872108809196],
  row4_asym_act: [{ bits: 4, symmetric: false, groupSize: -1, actOrder: true }, 1.979176998849901],
  g32_4_asym: [{ bits: 4, symmetric: false, groupSize: 32, groups: 'live', blockSize: 32 }, 1.1639526241437583],
  g32_4_static: [{ bits: 4, groupSize: 32, groups: 'static' }, 2.554061236360605],
  g32_3_sym_stale: [{ bits: 3, groupSize: 32, groups: 'stale' }, 10.790420363390085],
  g32_3_act_static: [{ bits: 3, symmetric: false, groupSize: 32, groups: 'static', actOrder: true }, 4.064469259948721],
  g32_2_act: [
    { bits: 2, symmetric: false, groupSize: 32, groups: 'live', actOrder: true, blockSize: 32 },
    26.158205795382322,
  ],
}

for (const [name, [options, float64]] of Object.entries(cases))
  goldenTest(
    `layer error of ${name} as in the float64 recursion`,
    import.meta.url,
    'gptq',
    ['_input', name],
    async (input, expected) => {
      const weight = toF32(input.tensor('W'))
      const hessian = input.f64('H')
      // The reference lets a dead input count as 1, whatever the scale of H.
      const { actOrder = false } = options
      const prepared = await prepareHessian(hessian, 128, { compatible: true, actOrder }, defaultCompute())
      const ours = (await gptq(weight, prepared, { ...base, ...options })).weight.dense()
      // Scales are f32 here and f64 there: a weight at a boundary may move and take its row along.
      const reference = expected.tensor('dequant').data as Float32Array
      const rows = Array.from({ length: 48 }, (_, r) => r)
      const equal = rows.filter(r =>
        ours.data.subarray(r * 128, r * 128 + 128).every((v, j) => Math.abs(v - reference[r * 128 + j]!) < 1e-5),
      )
      expect(equal.length).toBeGreaterThanOrEqual(43)
      expect(layerError(ours, weight, hessian) / float64).toBeCloseTo(1, 2)
    },
  )

goldenTest(
  'the defaults beat symmetric RTN, plain GPTQ, and act-order with static groups',
  import.meta.url,
  'gptq',
  ['_input'],
  async input => {
    const weight = toF32(input.tensor('W'))
    const hessian = input.f64('H')
    const error = async (options: Partial<GptqOptions>) =>
      layerError((await gptq(weight, hessian, options)).weight.dense(), weight, hessian)
    const plain = { symmetricRange: 'full', range: 'minmax', weighted: false } as const
    const errors = [
      await error({}),
      await error({ ...plain, actOrder: true, groups: 'static' }),
      await error({ ...plain, actOrder: false, groups: 'live' }),
      layerError(rtn(weight).dense(), weight, hessian),
    ]
    expect(errors).toEqual([...errors].sort((a, b) => a - b))
    expect(errors[0]! / errors[1]!).toBeLessThan(0.6)
  },
)
