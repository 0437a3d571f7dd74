import { type Golden, goldenTest } from '@sinter/model/testing'
import {
  codebookWeight,
  floatGridWeight,
  permutedWeight,
  quantizedWeight,
  type Tensor,
  tensor,
  toF32,
  type Weight,
} from '@sinter/tensor-core'
import { expect, test } from 'vitest'
import { folderFormatNamed, folderFormatOf, int8Rows } from '../src/index.ts'
import { sourceOf } from './helpers/memory-source.ts'

/** What is read back from the tensors and the config that a format writes for one matrix. */
async function readBack(name: string, weight: Weight): Promise<Weight> {
  const format = folderFormatNamed(name)
  expect(format.cannotHold(weight)).toBeUndefined()
  const parts = Object.entries(format.tensorsOf(weight, { dtype: 'bfloat16' }))
  const config = format.config(new Map([['layer', format.schemeOf(weight)]]), [])
  const source = sourceOf(Object.fromEntries(parts.map(([suffix, part]) => [`layer.${suffix}`, part])))
  const found = await folderFormatOf(config).find(config, source)
  expect(found.map(({ name, shape }) => ({ name, shape }))).toEqual([{ name: 'layer.weight', shape: weight.shape }])
  return found[0]!.read()
}

const equal = (ours: Tensor | undefined, recorded: Tensor): void => {
  expect(ours?.shape).toEqual(recorded.shape)
  expect(ours?.data).toEqual(recorded.data)
}

const layouts = [
  ['channel', 128],
  ['g32', 32],
  ['g64', 64],
  ['g128', 128],
] as const

for (const bits of [2, 3, 4, 8])
  for (const kind of ['sym', 'asym'] as const)
    goldenTest(
      `compressed-tensors 0.20.0, ${bits} bits ${kind}: words are written and read`,
      import.meta.url,
      'rtn',
      [`ct_int${bits}_${kind}`],
      async golden => {
        for (const [name, groupSize] of layouts) await checkPacked(golden, name, groupSize, bits, kind === 'asym')
      },
    )

async function checkPacked(
  golden: Golden,
  name: string,
  groupSize: number,
  bits: number,
  asym: boolean,
): Promise<void> {
  const unsigned = (part: string) => Uint8Array.from(golden.f64(`${name}.${part}`), code => code + 2 ** (bits - 1))
  const weight = quantizedWeight({
    shape: [48, 128],
    bits,
    groupSize,
    codes: unsigned('codes'),
    scales: golden.tensor(`${name}.scale`),
    ...(asym && { zeroPoints: unsigned('zero_point') }),
  })
  const format = folderFormatNamed('compressed-tensors')
  const parts = format.tensorsOf(weight, { dtype: 'float32' })
  equal(parts.weight_packed, golden.tensor(`${name}.weight_packed`))
  equal(parts.weight_scale, golden.tensor(`${name}.scale`))
  if (asym) equal(parts.weight_zero_point, golden.tensor(`${name}.weight_zero_point`))
  if (name === 'g64') expect(weight.dense().data).toEqual(plusZero(golden.tensor('g64.dequant')))
  // 3 bits were packed otherwise before: they are read, and not written.
  if (bits === 3) expect(format.cannotHold(weight)).toBe('its codes have 3 bits, and the format holds 2, 4, 8')
  else expect((await readBack('compressed-tensors', weight)).dense()).toEqual(weight.dense())
  if (bits === 8) expect((await readBack('compressed-tensors:int-quantized', weight)).dense()).toEqual(weight.dense())
}

/** A negative code times 0 is −0 there. */
const plusZero = (t: Tensor): Float32Array => toF32(t).data.map(value => value + 0)

goldenTest('compressed-tensors: FP8, NVFP4 and MXFP4', import.meta.url, 'rtn', ['ct_float'], async golden => {
  const format = folderFormatNamed('compressed-tensors')
  const shape = [48, 128] as const
  const bytes = (name: string) => golden.tensor(name).data as Uint8Array
  const fp8 = floatGridWeight({
    shape,
    element: 'e4m3',
    block: [1, 128],
    codes: bytes('fp8.codes'),
    scales: golden.tensor('fp8.scale'),
  })
  expect(format.tensorsOf(fp8, { dtype: 'float32' })).toEqual({
    weight: { dtype: 'f8e4m3', shape, data: bytes('fp8.codes') },
    weight_scale: golden.tensor('fp8.scale'),
  })
  const nvfp4 = floatGridWeight({
    shape,
    element: 'e2m1',
    block: [1, 16],
    codes: bytes('nvfp4.weight_packed'),
    scales: { ...golden.tensor('nvfp4.weight_scale'), dtype: 'f8e4m3' },
    globalScale: golden.f64('nvfp4.global_scale')[0]!,
  })
  equal(format.tensorsOf(nvfp4, { dtype: 'float32' }).weight_packed, golden.tensor('nvfp4.weight_packed'))
  // The package computes in bf16.
  const exact = nvfp4.dense().data
  for (const [k, value] of golden.f64('nvfp4.dequant').entries())
    expect(Math.abs(exact[k]! - value)).toBeLessThanOrEqual(Math.abs(value) * 2 ** -8)
  const mxfp4 = floatGridWeight({
    shape,
    element: 'e2m1',
    block: [1, 32],
    codes: bytes('mxfp4.weight_packed'),
    scales: golden.tensor('mxfp4.weight_scale'),
  })
  expect(mxfp4.dense().data).toEqual(golden.tensor('mxfp4.dequant').data)
  for (const weight of [fp8, nvfp4, mxfp4])
    expect((await readBack('compressed-tensors', weight)).parts()).toEqual(weight.parts())
})

for (const bits of [2, 3, 4, 8])
  goldenTest(
    `AutoGPTQ, ${bits} bits: version 1 is written and read`,
    import.meta.url,
    'rtn',
    [`gptq_pack_${bits}bit`],
    async golden => {
      for (const kind of ['sym', 'asym'])
        for (const [name, groupSize] of [['row', 128], ...layouts.slice(1)] as const)
          await checkGptq(golden, `${kind}.${name}`, groupSize, bits)
      await checkOrder(golden, bits)
    },
  )

/** `[rows, cols]` → `[cols, rows]` */
const turned = (values: ArrayLike<number>, rows: number, cols: number): number[] =>
  Array.from({ length: rows * cols }, (_, k) => values[(k % rows) * cols + Math.floor(k / rows)]!)

async function checkGptq(golden: Golden, at: string, groupSize: number, bits: number): Promise<void> {
  const groups = 128 / groupSize
  const weight = quantizedWeight({
    shape: [32, 128],
    bits,
    groupSize,
    codes: golden.tensor(`${at}.codes`).data as Uint8Array,
    scales: tensor(
      'f16',
      [32, groups],
      Uint16Array.from(turned(golden.tensor(`${at}.scales`).data as Uint16Array, groups, 32)),
    ),
    zeroPoints: Uint8Array.from(turned(golden.f64(`${at}.zeros`), groups, 32)),
  })
  const parts = folderFormatNamed('gptq').tensorsOf(weight, { dtype: 'float16' })
  equal(parts.qweight, golden.tensor(`${at}.qweight`))
  equal(parts.qzeros, golden.tensor(`${at}.qzeros`))
  equal(parts.scales, golden.tensor(`${at}.scales`))
  for (const format of ['gptq', 'gptq:v2']) expect((await readBack(format, weight)).dense()).toEqual(weight.dense())
}

/** Groups of columns that are not neighbours. */
async function checkOrder(golden: Golden, bits: number): Promise<void> {
  const parts = ['g_idx', 'scales', 'qweight', 'qzeros'].map(name => [`layer.${name}`, golden.tensor(`gidx.${name}`)])
  const config = { quant_method: 'gptq', bits, group_size: 64, desc_act: true }
  const [found] = await folderFormatOf(config).find(config, sourceOf(Object.fromEntries(parts)))
  const weight = await found!.read()
  expect(weight.kind).toBe('permuted')
  expect(weight.dense().data).toEqual(plusZero(golden.tensor('gidx.dequant')))
  const again = folderFormatNamed('gptq').tensorsOf(weight, { dtype: 'float16' })
  for (const name of ['g_idx', 'scales', 'qweight', 'qzeros']) equal(again[name], golden.tensor(`gidx.${name}`))
}

goldenTest(
  'AutoAWQ: words of the GEMM layout are written and read',
  import.meta.url,
  'rtn',
  ['awq_gemm'],
  async golden => {
    for (const [name, groupSize] of layouts.slice(1)) {
      const groups = 128 / groupSize
      const weight = quantizedWeight({
        shape: [32, 128],
        bits: 4,
        groupSize,
        codes: golden.tensor(`${name}.packed_codes`).data as Uint8Array,
        scales: tensor(
          'f16',
          [32, groups],
          Uint16Array.from(turned(golden.tensor(`${name}.scales`).data as Uint16Array, groups, 32)),
        ),
        zeroPoints: Uint8Array.from(turned(golden.f64(`${name}.zeros`), groups, 32)),
      })
      const parts = folderFormatNamed('awq').tensorsOf(weight, { dtype: 'float16' })
      for (const part of ['qweight', 'qzeros', 'scales']) equal(parts[part], golden.tensor(`${name}.${part}`))
      const read = await readBack('awq', weight)
      expect(read.dense()).toEqual(weight.dense())
      // Recorded in f16, where the product was rounded.
      const exact = read.dense().data
      const recorded = golden.f64(`${name}.dequant`)
      const rowMajor = golden.tensor(`${name}.dequant`).shape[0] === 32 ? recorded : turned(recorded, 128, 32)
      for (const [k, value] of exact.entries())
        expect(Math.abs(value - rowMajor[k]!)).toBeLessThanOrEqual(Math.abs(value) * 2 ** -11 + 2 ** -25)
    }
  },
)

goldenTest(
  'bitsandbytes 0.50.2: NF4 and FP4, scales plain and in 8 bits',
  import.meta.url,
  'bitsandbytes',
  ['fourbit'],
  async golden => {
    for (const type of ['nf4', 'fp4']) {
      const bytes = (name: string) => golden.tensor(`${type}.${name}`).data as Uint8Array
      const floats = (name: string) => golden.tensor(`${type}${name}`).data as Float32Array
      const base = {
        shape: [48, 128],
        bits: 4,
        blockSize: 64,
        levels: floats('_table'),
        packed: bytes('b64.packed'),
      } as const
      const plain = codebookWeight({ ...base, scales: floats('.b64.absmax') })
      const double = codebookWeight({
        ...base,
        scales: {
          codes: bytes('b64.double.absmax_codes'),
          absmax: floats('.b64.double.nested_absmax'),
          offset: floats('.b64.double.offset')[0]!,
        },
      })
      expect((await readBack('bitsandbytes', plain)).dense().data).toEqual(floats('.b64.dequant'))
      expect((await readBack('bitsandbytes', double)).dense().data).toEqual(floats('.b64.double.dequant'))
      const parts = folderFormatNamed('bitsandbytes').tensorsOf(double, { dtype: 'bfloat16' })
      expect(parts.weight).toEqual({ dtype: 'u8', shape: [3072, 1], data: bytes('b64.packed') })
      expect(parts['weight.nested_quant_map']!.data).toEqual(floats('.b64.double.nested_map'))
      const state = parts[`weight.quant_state.bitsandbytes__${type}`]!.data as Uint8Array
      expect(JSON.parse(new TextDecoder().decode(state))).toEqual({
        quant_type: type,
        blocksize: 64,
        dtype: 'bfloat16',
        shape: [48, 128],
        nested_blocksize: 256,
        nested_dtype: 'float32',
        nested_offset: floats('.b64.double.offset')[0],
      })
    }
  },
)

goldenTest(
  'LLM.int8(): codes and the largest |w| of every row',
  import.meta.url,
  'llm_int8',
  ['linear'],
  async golden => {
    const codes = golden.tensor('w_codes').data as Int8Array
    const maxima = Float32Array.from(golden.f64('w_absmax'))
    const weight = int8Rows(
      [64, 128],
      Uint8Array.from(codes, code => code + 128),
      maxima,
    )
    const parts = folderFormatNamed('bitsandbytes:int8').tensorsOf(weight, { dtype: 'float16' })
    expect(parts.weight!.data).toEqual(codes)
    expect(parts.SCB!.data).toEqual(maxima)
    expect(parts.weight_format).toEqual({ dtype: 'u8', shape: [], data: Uint8Array.of(0) })
    const read = await readBack('bitsandbytes:int8', weight)
    const dense = read.dense().data
    for (const [k, code] of codes.entries())
      expect(dense[k]).toBe(Math.fround(Math.fround(code * maxima[k >> 7]!) * Math.fround(1 / 127)))
  },
)

goldenTest(
  'hqq 0.2.8: codes packed in parts, float zero points',
  import.meta.url,
  'hqq',
  ['proximal'],
  async golden => {
    for (const bits of [4, 3, 2]) {
      const part = (name: string) => golden.tensor(`b${bits}.axis1.hqq.${name}`)
      const grid = [48, 2] as const
      const weight = quantizedWeight({
        shape: [48, 128],
        bits,
        groupSize: 64,
        codes: part('codes').data as Uint8Array,
        scales: { ...part('scale'), shape: grid },
        zeros: { ...part('zero'), shape: grid },
      })
      const parts = folderFormatNamed('hqq').tensorsOf(weight, { dtype: 'float32' })
      equal(parts.W_q, part('packed'))
      equal(parts.scale, part('scale'))
      equal(parts.zero, part('zero'))
      const read = (await readBack('hqq', weight)).dense().data
      const [scale, zero, codes] = [
        golden.f64(`b${bits}.axis1.hqq.scale`),
        golden.f64(`b${bits}.axis1.hqq.zero`),
        part('codes').data,
      ]
      for (const [k, code] of (codes as Uint8Array).entries())
        expect(read[k]).toBe(Math.fround(Math.fround(code - zero[k >> 6]!) * scale[k >> 6]!))
    }
  },
)

test('a permuted matrix goes where groups have an index, and nowhere else', async () => {
  const order = Int32Array.from({ length: 64 }, (_, k) => (k * 5) % 64)
  const inner = quantizedWeight({
    shape: [32, 64],
    bits: 4,
    groupSize: 16,
    codes: Uint8Array.from({ length: 2048 }, (_, k) => (k * 7) % 16),
    scales: tensor(
      'f16',
      [32, 4],
      Uint16Array.from({ length: 128 }, (_, k) => 0x2c00 + k),
    ),
  })
  const weight = permutedWeight(inner, order)
  expect((await readBack('gptq', weight)).dense()).toEqual(weight.dense())
  for (const name of ['awq', 'compressed-tensors', 'hqq'])
    expect(folderFormatNamed(name).cannotHold(weight)).toBe(
      'its groups are not neighbouring columns (use groups: static)',
    )
})
