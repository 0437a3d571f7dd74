import { type Golden, goldenTest } from '@sinter/model/testing'
import { quantizedWeight, type Tensor, toF32 } from '@sinter/tensor-core'
import { expect, test } from 'vitest'
import { packAlongColumns, packAlongRows, packAwq, packGptq } from '../src/pack.ts'

const unsigned = (golden: Golden, name: string, bits: number): Uint8Array =>
  Uint8Array.from(golden.f64(name), code => code + 2 ** (bits - 1))

const equal = (ours: Tensor, recorded: Tensor): void => {
  expect(ours.shape).toEqual(recorded.shape)
  expect(ours.data).toEqual(recorded.data)
}

for (const bits of [2, 3, 4, 8])
  for (const kind of ['sym', 'asym'])
    goldenTest(
      `compressed-tensors words, ${bits} bit ${kind}`,
      import.meta.url,
      'rtn',
      [`ct_int${bits}_${kind}`],
      ct => {
        for (const [name, groups] of [
          ['channel', 1],
          ['g32', 4],
          ['g64', 2],
          ['g128', 1],
        ] as const) {
          equal(
            packAlongColumns(unsigned(ct, `${name}.codes`, bits), [48, 128], bits),
            ct.tensor(`${name}.weight_packed`),
          )
          if (kind === 'sym') continue
          const zeros = packAlongRows(unsigned(ct, `${name}.zero_point`, bits), [48, groups], bits)
          equal(zeros, ct.tensor(`${name}.weight_zero_point`))
        }
      },
    )

for (const bits of [2, 3, 4, 8])
  goldenTest(`AutoGPTQ words, ${bits} bit`, import.meta.url, 'rtn', [`gptq_pack_${bits}bit`], golden => {
    for (const kind of ['sym', 'asym'])
      for (const [name, groupSize] of [
        ['row', 128],
        ['g32', 32],
        ['g64', 64],
        ['g128', 128],
      ] as const) {
        const at = `${kind}.${name}`
        const groups = 128 / groupSize
        const turned = (values: Float64Array) =>
          Array.from(values, (_, k) => values[(k % groups) * 32 + Math.floor(k / groups)]!)
        const scales = Float32Array.from(turned(golden.f64(`${at}.scales`)))
        const { quantized } = quantizedWeight({
          shape: [32, 128],
          bits,
          groupSize,
          codes: golden.tensor(`${at}.codes`).data as Uint8Array,
          scales: { dtype: 'f32', shape: [32, groups], data: scales },
          zeroPoints: Uint8Array.from(turned(golden.f64(`${at}.zeros`))),
        })
        const packed = packGptq(quantized, 1)
        equal(packed.qweight, golden.tensor(`${at}.qweight`))
        equal(packed.qzeros, golden.tensor(`${at}.qzeros`))
        expect(packed.scales.data).toEqual(toF32(golden.tensor(`${at}.scales`)).data)
      }
  })

goldenTest('AutoAWQ words', import.meta.url, 'rtn', ['awq_gemm'], golden => {
  for (const [name, groups] of [
    ['g32', 4],
    ['g64', 2],
    ['g128', 1],
  ] as const) {
    const codes = golden.tensor(`${name}.packed_codes`).data as Uint8Array
    const turned = Uint8Array.from(codes, (_, k) => codes[(k % 32) * 128 + Math.floor(k / 32)]!)
    equal(packAwq(turned, [128, 32]), golden.tensor(`${name}.qweight`))
    equal(packAwq(golden.tensor(`${name}.zeros`).data as Uint8Array, [groups, 32]), golden.tensor(`${name}.qzeros`))
  }
})

test('what a layout cannot hold is refused', () => {
  const q = {
    shape: [1, 32],
    bits: 4,
    groupSize: 32,
    codes: new Uint8Array(32),
    scales: { dtype: 'f32', shape: [1, 1], data: new Float32Array(1) },
    zeroPoints: new Uint8Array(1),
  } as const
  expect(() => packGptq(q, 1)).toThrow('gptq layout 1 cannot hold a zero point of 0; write version 2')
  expect(packGptq(q, 2).qzeros.data).toEqual(Int32Array.of(0))
  expect(() => packAwq(new Uint8Array(12), [1, 12])).toThrow('awq layout: expected a multiple of 8 outputs, got 12')
})
