import { fp4, fp8, gptq, int8ByRows, mx, nf4, nvfp4, rtn } from '@sinter/quantization'
import type { TensorF32, Weight } from '@sinter/tensor-core'

/** A folder that is written and opened. */
export interface Case {
  readonly name: string
  /** Name of the folder format. */
  readonly format: string
  compress(weight: TensorF32): Weight | Promise<Weight>
}

const plain = (name: string, format: string, options: Parameters<typeof rtn>[1]): Case => ({
  name,
  format,
  compress: weight => rtn(weight, options),
})

const asym = { symmetric: false } as const

/** Both layouts of GPTQ with the number of bits that they differ in, and columns in an order of their own. */
const gptqCases: readonly Case[] = [
  ...([2, 3, 4, 8] as const).map(bits => plain(`gptq-v1-${bits}bit`, 'gptq', { bits, groupSize: 64 })),
  ...([2, 3, 4, 8] as const).map(bits => plain(`gptq-v2-${bits}bit-asym`, 'gptq:v2', { bits, groupSize: 32, ...asym })),
  plain('gptq-v1-rows', 'gptq', { groupSize: -1 }),
  {
    name: 'gptq-v1-g_idx',
    format: 'gptq',
    compress: async weight => (await gptq(weight, gramOf(weight), { groups: 'live', groupSize: 32 })).weight,
  },
]

/** Inputs of which some are seen more than others, so that their order is no order of places. */
function gramOf({ shape: [, width] }: TensorF32): Float64Array {
  const gram = new Float64Array(width! * width!)
  for (let k = 0; k < width!; k++) gram[k * width! + k] = 1 + ((k * 37) % 101)
  return gram
}

export const cases: readonly Case[] = [
  plain('ct-int4', 'compressed-tensors', { groupSize: 64 }),
  plain('ct-int4-asym', 'compressed-tensors', { groupSize: 32, ...asym }),
  plain('ct-int4-bf16-scales', 'compressed-tensors', { groupSize: 64, scaleDType: 'bf16' }),
  plain('ct-int2-f32-scales', 'compressed-tensors', { bits: 2, groupSize: 32, scaleDType: 'f32' }),
  plain('ct-int8', 'compressed-tensors', { bits: 8, groupSize: -1 }),
  plain('ct-int8-matrix', 'compressed-tensors', { bits: 8, groupSize: 0 }),
  plain('ct-w8a8', 'compressed-tensors:int-quantized', { bits: 8, groupSize: -1 }),
  plain('ct-w8a8-asym', 'compressed-tensors:int-quantized', { bits: 8, groupSize: -1, ...asym }),
  { name: 'ct-fp8-rows', format: 'compressed-tensors', compress: weight => fp8(weight, { scaleDType: 'bf16' }) },
  { name: 'ct-fp8-matrix', format: 'compressed-tensors', compress: weight => fp8(weight, { scales: 'matrix' }) },
  { name: 'ct-fp8-tiles', format: 'compressed-tensors', compress: weight => fp8(weight, { scales: 'tile' }) },
  { name: 'ct-nvfp4', format: 'compressed-tensors', compress: weight => nvfp4(weight) },
  { name: 'ct-mxfp4', format: 'compressed-tensors', compress: weight => mx(weight, 'e2m1') },
  { name: 'ct-mxfp8', format: 'compressed-tensors', compress: weight => mx(weight, 'e4m3') },
  ...gptqCases,
  plain('awq', 'awq', { groupSize: 64, ...asym }),
  plain('awq-symmetric', 'awq', { groupSize: 32 }),
  { name: 'bnb-nf4', format: 'bitsandbytes', compress: weight => nf4(weight) },
  { name: 'bnb-nf4-f32-scales', format: 'bitsandbytes', compress: weight => nf4(weight, { doubleQuant: false }) },
  { name: 'bnb-fp4', format: 'bitsandbytes', compress: weight => fp4(weight, { blockSize: 128 }) },
  { name: 'bnb-int8', format: 'bitsandbytes:int8', compress: int8ByRows },
  ...([2, 3, 4, 8] as const).map(bits => plain(`hqq-${bits}bit`, 'hqq', { bits, groupSize: 64, ...asym })),
]
