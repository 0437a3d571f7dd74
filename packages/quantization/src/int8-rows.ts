import { int8Rows, type WeightMethod } from '@sinter/model'
import { roundHalfEven, type ScaledWeight, type TensorF32 } from '@sinter/tensor-core'
import { z } from 'zod'
import { eachLayer } from './each-layer.ts'

/**
 * The weights of LLM.int8() (arXiv:2208.07339 §2.1): every row divided by its largest |w|, times 127, to the nearest whole number. A row
 * of zeros keeps them.
 * @param weight f32 `[out, in]`, finite
 */
export function int8ByRows({ shape, data }: TensorF32): ScaledWeight {
  const [out, width] = shape as [number, number]
  const codes = new Uint8Array(data.length)
  const maxima = new Float32Array(out)
  for (let row = 0, k = 0; row < out; row++) {
    const values = data.subarray(row * width, (row + 1) * width)
    const most = values.reduce((max, w) => Math.max(max, Math.abs(w)), 0)
    maxima[row] = most
    for (const w of values) codes[k++] = 128 + roundHalfEven((w * 127) / (most || 1))
  }
  return int8Rows([out, width], codes, maxima)
}

export const int8Method: WeightMethod<Record<string, never>> = {
  kind: 'weight',
  name: 'int8',
  title: 'INT8 with the largest |w| of every row, as in LLM.int8()',
  paper: 'arXiv:2208.07339',
  options: z.strictObject({}),
  needs: () => [],
  compress: async (layers, _, __, context) => eachLayer(layers, context, int8ByRows),
  // The largest |w| of a row, and 1/127.
  bitsPerWeight: ([, cols]) => 8 + 64 / cols,
}
