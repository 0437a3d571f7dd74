import { type Golden, goldenTest } from '@sinter/model/testing'
import { type QuantizedWeight, resolveGrid, type TensorF32, toF32 } from '@sinter/tensor-core'
import { expect } from 'vitest'
import { roundRun } from '../src/grid-arrays.ts'
import { rtnOnGrid } from '../src/rtn.ts'

const minmax = { range: 'minmax', percentile: 100, rmsFactor: 3 } as const
const groupings = { channel: -1, row: -1, g32: 32, g64: 64, g128: 128 } as const

const weightOf = (golden: Golden): TensorF32 => toF32(golden.tensor('W'))
const scalesOf = (w: QuantizedWeight): number[] => Array.from(toF32(w.quantized.scales).data)

/** Largest relative difference. */
function worst(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length)
  let most = 0
  for (let k = 0; k < a.length; k++) if (a[k] !== b[k]) most = Math.max(most, Math.abs(a[k]! - b[k]!) / Math.abs(b[k]!))
  return most
}

for (const bits of [2, 3, 4, 8])
  for (const kind of ['sym', 'asym'] as const)
    goldenTest(
      `compressed-tensors ${bits} bit ${kind}`,
      import.meta.url,
      'rtn',
      ['_input', `ct_int${bits}_${kind}`],
      (input, ct) => {
        const grid = resolveGrid({ bits, symmetric: kind === 'sym', scaleDType: 'f32' })
        for (const name of ['channel', 'g32', 'g64', 'g128'] as const) {
          const ours = rtnOnGrid(weightOf(input), groupings[name], minmax, grid)
          const { codes, zeroPoints } = ours.quantized
          const half = 2 ** (bits - 1)
          const zeroRow = (k: number, perRow: number) => Math.floor(k / perRow) === 1
          expect(Array.from(codes, c => c - half).filter((_, k) => !zeroRow(k, 128))).toEqual(
            Array.from(ct.f64(`${name}.codes`)).filter((_, k) => !zeroRow(k, 128)),
          )
          const perRow = scalesOf(ours).length / 48
          const keep = (_: number, k: number) => !zeroRow(k, perRow)
          expect(worst(scalesOf(ours).filter(keep), Array.from(ct.f64(`${name}.scale`)).filter(keep))).toBeLessThan(
            1.2e-7,
          )
          if (zeroPoints)
            expect(Array.from(zeroPoints, z => z - half).filter(keep)).toEqual(
              Array.from(ct.f64(`${name}.zero_point`)).filter(keep),
            )
          // A row of zeros has another scale there (float32 epsilon); what it decodes to is the same.
          expect(
            ours
              .dense()
              .data.subarray(128, 256)
              .every(value => value === 0),
          ).toBe(true)
          if (ct.names().includes(`${name}.dequant`))
            expect(worst(ours.dense().data, ct.f64(`${name}.dequant`))).toBeLessThan(2.4e-7)
        }
      },
    )

goldenTest('IST-DASLab/gptq Quantizer.find_params', import.meta.url, 'rtn', ['gptq_quantizer'], golden => {
  const weight = weightOf(golden)
  for (const bits of [2, 3, 4])
    for (const kind of ['sym', 'asym'] as const)
      for (const range of ['minmax', 'mse'] as const) {
        const grid = resolveGrid({ bits, symmetric: kind === 'sym', scaleDType: 'f64', range, compatible: true })
        const ours = rtnOnGrid(weight, -1, { ...minmax, range }, { ...grid, scaleDType: 'f32' })
        const at = `b${bits}.${kind}.${range}`
        const error = rowErrors(weight, ours.dense())
        expect(worst(error, golden.f64(`${at}.dequant_row_error`))).toBeLessThan(1e-4)
        if (range === 'minmax') expect(worst(scalesOf(ours), golden.f64(`${at}.scale`))).toBeLessThan(1e-6)
        if (range === 'minmax' && kind === 'asym')
          expect(usual(ours.quantized.zeroPoints!, weight)).toEqual(usual(golden.f64(`${at}.zero`), weight))
      }
})

/** Σ |w − ŵ|^2.4 a row. */
function rowErrors(a: TensorF32, b: TensorF32): Float64Array {
  const [rows, cols] = a.shape as [number, number]
  const out = new Float64Array(rows)
  for (let k = 0; k < rows * cols; k++) out[Math.floor(k / cols)]! += Math.abs(a.data[k]! - b.data[k]!) ** 2.4
  return out
}

for (const bits of [2, 3, 4, 8])
  goldenTest(
    `AutoGPTQ ${bits} bit scales, zeros and codes`,
    import.meta.url,
    'rtn',
    [`gptq_pack_${bits}bit`],
    golden => {
      const weight = weightOf(golden)
      for (const kind of ['sym', 'asym'] as const)
        for (const name of ['row', 'g32', 'g64', 'g128'] as const) {
          const grid = resolveGrid({ bits, symmetric: kind === 'sym', scaleDType: 'f16', compatible: true })
          const ours = rtnOnGrid(weight, groupings[name], minmax, grid)
          const at = `${kind}.${name}`
          const zeros = ours.quantized.zeroPoints ?? scalesOf(ours).fill(2 ** (bits - 1))
          expect(scalesOf(ours)).toEqual(transposed(golden.f64(`${at}.scales`), 32))
          // The reference takes the zero point from the scale before it is f16: at 8 bits a few land on the other side of a half.
          const apart = worstGap(usual(zeros, weight), usual(transposed(golden.f64(`${at}.zeros`), 32), weight))
          expect(apart).toBeLessThanOrEqual(bits === 8 ? 1 : 0)
          if (apart === 0) expect(usual(ours.quantized.codes, weight)).toEqual(usual(golden.f64(`${at}.codes`), weight))
          expect(codesFrom(golden, at, bits, groupings[name])).toEqual(Array.from(golden.f64(`${at}.codes`)))
        }
    },
  )

goldenTest('llm-awq range rule, AutoAWQ codes', import.meta.url, 'rtn', ['awq_gemm'], golden => {
  const weight = weightOf(golden)
  const grid = resolveGrid({ bits: 4, symmetric: false, throughZero: false, scaleDType: 'f16' })
  for (const name of ['g32', 'g64', 'g128'] as const) {
    const ours = rtnOnGrid(weight, groupings[name], minmax, grid)
    expect(usual(scalesOf(ours), weight)).toEqual(usual(transposed(golden.f64(`${name}.scales`), 32), weight))
    expect(usual(ours.quantized.zeroPoints!, weight)).toEqual(
      usual(transposed(golden.f64(`${name}.zeros`), 32), weight),
    )
    // The reference divides by the f32 scale, we by the f16 one that is stored: one weight at 7.4999 : 7.5003 differs.
    expect(differences(usual(ours.quantized.codes, weight), usual(golden.f64(`${name}.codes`), weight))).toBeLessThan(2)
  }
})

const differences = (a: readonly number[], b: readonly number[]): number =>
  a.filter((value, k) => value !== b[k]).length

const worstGap = (a: readonly number[], b: readonly number[]): number =>
  Math.max(...a.map((value, k) => Math.abs(value - b[k]!)))

/** Codes on the recorded grids. */
function codesFrom(golden: Golden, at: string, bits: number, groupSize: number): number[] {
  const { data } = weightOf(golden)
  const grid = resolveGrid({ bits, symmetric: false, scaleDType: 'f16' })
  const scales = transposed(golden.f64(`${at}.scales`), 32)
  const zeros = transposed(golden.f64(`${at}.zeros`), 32)
  const codes = new Uint8Array(data.length)
  const run = data.length / scales.length
  expect(run).toBe(groupSize === -1 ? 128 : groupSize)
  for (const [k, scale] of scales.entries()) roundRun(data, k * run, run, { scale, zero: zeros[k]! }, grid, codes)
  return Array.from(codes)
}

/** `[n, rows]` → `[rows, n]` */
function transposed(values: Float64Array, rows: number): number[] {
  const n = values.length / rows
  return Array.from(values, (_, k) => values[(k % n) * rows + Math.floor(k / n)]!)
}

/**
 * Without the rows whose weights are all the same. Their range is empty: where its middle falls is a matter of f32 rounding
 * in the references (a zero row has the zero point 7.5), and llm-awq's scale of 1e-5 / 15 cannot even represent them.
 */
function usual(values: ArrayLike<number>, weight: TensorF32): number[] {
  const [rows, cols] = weight.shape as [number, number]
  const constant = Array.from({ length: rows }, (_, i) => {
    const row = weight.data.subarray(i * cols, (i + 1) * cols)
    return row.every(value => value === row[0])
  })
  const perRow = values.length / rows
  return Array.from(values, v => v + 0).filter((_, k) => !constant[Math.floor(k / perRow)])
}
