import { goldenTest } from '@sinter/model/testing'
import { type FloatGridWeight, type QuantizedWeight, type TensorF32, toF32 } from '@sinter/tensor-core'
import { expect, test } from 'vitest'
import { encodeE2M1, fp8, mx, nvfp4, nvfp4Scale } from '../src/float-rounding.ts'
import { int8ByRows } from '../src/int8-rows.ts'

const bytesOf = (weight: FloatGridWeight) => ({ codes: weight.grid.codes, scales: weight.grid.scales.data })

const ct = ['ct_float'] as const

goldenTest('compressed-tensors 0.20.0: FP8, a scale a row', import.meta.url, 'rtn', ct, golden => {
  const weight = fp8(toF32(golden.tensor('W')))
  expect(bytesOf(weight)).toEqual({
    codes: golden.tensor('fp8.codes').data,
    scales: golden.tensor('fp8.scale').data,
  })
})

goldenTest('compressed-tensors 0.20.0: NVFP4', import.meta.url, 'rtn', ct, golden => {
  const weight = nvfp4(toF32(golden.tensor('W')))
  expect(weight.grid.globalScale).toBe(golden.f64('nvfp4.global_scale')[0])
  expect(bytesOf(weight)).toEqual({
    codes: golden.tensor('nvfp4.weight_packed').data,
    scales: golden.tensor('nvfp4.weight_scale').data,
  })
})

goldenTest('compressed-tensors 0.20.0: MXFP4, and the scale of the OCP', import.meta.url, 'rtn', ct, golden => {
  const weight = mx(toF32(golden.tensor('W')), 'e2m1')
  expect(bytesOf(weight)).toEqual({
    codes: golden.tensor('mxfp4.weight_packed').data,
    scales: golden.tensor('mxfp4.weight_scale').data,
  })
  expect(weight.dense().data).toEqual(golden.tensor('mxfp4.dequant').data)
  const ocp = mx(toF32(golden.tensor('W')), 'e2m1', 'floor')
  expect(ocp.grid.scales.data).toEqual(golden.tensor('mxfp4.ocp_floor_scale').data)
})

goldenTest('E2M1: values, ties to the even code', import.meta.url, 'float_formats', ['fp8_fp4'], golden => {
  const table = golden.f64('e2m1.table')
  const codes = encodeE2M1(toF32(golden.tensor('e2m1.x')).data)
  const values = Array.from(codes, code => (code & 8 ? -table[code & 7]! : table[code & 7]!) + 0)
  expect(values).toEqual(Array.from(golden.f64('e2m1.value'), value => value + 0))
})

goldenTest('LLM.int8(): codes of the weights', import.meta.url, 'llm_int8', ['linear'], golden => {
  const { inner, scales } = int8ByRows(toF32(golden.tensor('W')))
  const { codes, scales: maxima } = (inner as QuantizedWeight).quantized
  expect(Array.from(codes, code => code - 128)).toEqual(Array.from(golden.f64('w_codes')))
  expect(toF32(maxima).data).toEqual(Float32Array.from(golden.f64('w_absmax')))
  expect(scales.rows!.every(unit => unit === Math.fround(1 / 127))).toBe(true)
})

const matrix = (shape: readonly [number, number], value: (k: number) => number): TensorF32 => ({
  dtype: 'f32',
  shape,
  data: Float32Array.from({ length: shape[0] * shape[1] }, (_, k) => value(k)),
})

test('every code is that of the nearest value, whatever shares the scale', () => {
  const weight = matrix([130, 144], k => Math.sin(k * k) * (1 + (k % 7)))
  for (const scales of ['row', 'matrix', 'tile'] as const)
    for (const scaleDType of ['f16', 'bf16', 'f32'] as const) {
      const rounded = fp8(weight, { scales, scaleDType }).dense().data
      // Half of a step of 2⁻³ of the value, or of the least step of the largest block.
      const far = weight.data.filter(
        (w, k) => Math.abs(rounded[k]! - w) > Math.max(Math.abs(w) * 0.0665, (7.1 / 448) * 2 ** -9),
      )
      expect(far).toHaveLength(0)
    }
})

test('matrices of zeros, of nearly nothing and of very much', () => {
  for (const size of [0, 2 ** -140, 1e-30, 1e30]) {
    const weight = matrix([2, 32], k => (k % 3) * size)
    for (const made of [fp8(weight), nvfp4(weight), mx(weight, 'e2m1'), mx(weight, 'e4m3')]) {
      const dense = made.dense().data
      expect(dense.every(Number.isFinite)).toBe(true)
      if (size === 0) expect(dense.every(w => w === 0)).toBe(true)
    }
  }
})

test('q, k and v share a global scale', () => {
  const weights = [1, 2, 4].map(size => matrix([2, 16], k => (k / 31) * size))
  expect(nvfp4Scale(weights)).toBe(672)
  expect(nvfp4(weights[0]!, 672).grid.globalScale).toBe(672)
})
