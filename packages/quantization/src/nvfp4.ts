import { assertFinite, type WeightMethod } from '@sinter/model'
import { z } from 'zod'
import { eachLayer } from './each-layer.ts'
import { nvfp4, nvfp4Scale } from './float-rounding.ts'

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
