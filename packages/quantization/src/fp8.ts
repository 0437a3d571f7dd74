import type { WeightMethod } from '@sinter/model'
import { z } from 'zod'
import { eachLayer } from './each-layer.ts'
import { type Fp8Options, fp8, fp8Defaults } from './float-rounding.ts'

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
