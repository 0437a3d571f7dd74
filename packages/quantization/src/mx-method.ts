import type { WeightMethod } from '@sinter/model'
import { z } from 'zod'
import { eachLayer } from './each-layer.ts'
import { type MxElement, mx } from './float-rounding.ts'

export interface MxOptions {
  readonly scale: 'nearest' | 'floor'
}

/** Microscaling floats: blocks of 32 that share a power of two. */
export const mxMethod = (name: string, title: string, element: MxElement, bits: number): WeightMethod<MxOptions> => ({
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
