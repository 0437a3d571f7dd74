import { assertFinite, type WeightMethod } from '@sinter/model'
import { z } from 'zod'
import { eachLayer } from './each-layer.ts'
import { type Fp8Options, fp8, fp8Defaults, type MxElement, mx, nvfp4, nvfp4Scale } from './float-rounding.ts'

export const fp8Method: WeightMethod<Fp8Options> = {
  kind: 'weight',
  name: 'fp8',
  title: 'FP8: E4M3 floats',
  paper: 'arXiv:2209.05433',
  options: z.strictObject({
    scales: z
      .enum(['row', 'matrix', 'tile'])
      .default(fp8Defaults.scales)
      .describe('What shares a scale: a row, the matrix, or a tile of 128 × 128.'),
    scaleDType: z
      .enum(['f16', 'bf16', 'f32'])
      .default(fp8Defaults.scaleDType)
      .describe('Type in which scales are stored.'),
  }),
  needs: () => [],
  compress: async (layers, _, options, context) => eachLayer(layers, context, weight => fp8(weight, options)),
  bitsPerWeight: ([rows, cols], { scales, scaleDType }) => {
    const count = scales === 'row' ? rows : scales === 'matrix' ? 1 : Math.ceil(rows / 128) * Math.ceil(cols / 128)
    return 8 + (count * (scaleDType === 'f32' ? 32 : 16)) / (rows * cols)
  },
}

/** Matrices behind one input share the global scale: servers read q, k and v as one matrix, and gate and up. */
export const nvfp4Method: WeightMethod<Record<string, never>> = {
  kind: 'weight',
  name: 'nvfp4',
  title: 'NVFP4: 4-bit floats in blocks of 16',
  paper: 'arXiv:2509.25149',
  options: z.strictObject({}),
  needs: () => [],
  compress: async (layers, _, __, context) => {
    for (const [name, weight] of layers) assertFinite(`${context.name} ${name}`, weight)
    const scale = nvfp4Scale([...layers.values()])
    return eachLayer(layers, context, weight => nvfp4(weight, scale))
  },
  bitsPerWeight: ([rows, cols]) => 4 + (8 * rows * Math.ceil(cols / 16) + 32) / (rows * cols),
}

interface MxOptions {
  readonly scale: 'nearest' | 'floor'
}

const mxMethod = (name: string, title: string, element: MxElement, bits: number): WeightMethod<MxOptions> => ({
  kind: 'weight',
  name,
  title,
  paper: 'arXiv:2310.10537',
  options: z.strictObject({
    scale: z
      .enum(['nearest', 'floor'])
      .default('nearest')
      .describe('Power of two of a block: the largest |w| rounded down (OCP), or up from 1.75 times the power on.'),
  }),
  needs: () => [],
  compress: async (layers, _, { scale }, context) => eachLayer(layers, context, weight => mx(weight, element, scale)),
  bitsPerWeight: ([rows, cols]) => bits + (8 * rows * Math.ceil(cols / 32)) / (rows * cols),
})

export const mxfp4Method: WeightMethod<MxOptions> = mxMethod('mxfp4', 'MXFP4: 4-bit floats in blocks of 32', 'e2m1', 4)
export const mxfp8Method: WeightMethod<MxOptions> = mxMethod('mxfp8', 'MXFP8: 8-bit floats in blocks of 32', 'e4m3', 8)
