import { assertFinite, type WeightMethod } from '@sinter/model'
import {
  f32ToF16,
  type QuantizedWeight,
  quantizedWeight,
  roundToF16,
  type TensorF32,
  type Weight,
} from '@sinter/tensor-core'
import { z } from 'zod'

export interface TernaryOptions {
  /** Weights below this multiple of the row's mean |w| become 0. */
  readonly threshold: number
}

/** Rounds every row to `scale · {−1, 0, 1}` (arXiv:1605.04711 §2.2). @param weight f32 `[out, in]` */
export function ternary(weight: TensorF32, { threshold }: TernaryOptions): QuantizedWeight {
  const [rows, cols] = weight.shape as [number, number]
  const codes = new Uint8Array(rows * cols)
  const scales = new Float32Array(rows)
  for (let r = 0; r < rows; r++) {
    const row = weight.data.subarray(r * cols, (r + 1) * cols)
    const limit = (threshold * row.reduce((sum, w) => sum + Math.abs(w), 0)) / cols
    const large = row.filter(w => Math.abs(w) > limit)
    // Rounded as it will be stored, before anything is computed with it.
    scales[r] = roundToF16(large.reduce((sum, w) => sum + Math.abs(w), 0) / Math.max(1, large.length))
    // A symmetric grid of 2 bits: code 2 is zero.
    for (let j = 0; j < cols; j++) codes[r * cols + j] = Math.abs(row[j]!) > limit ? 2 + Math.sign(row[j]!) : 2
  }
  const stored = { dtype: 'f16', shape: [rows, 1], data: f32ToF16(scales) } as const
  return quantizedWeight({ shape: [rows, cols], bits: 2, groupSize: cols, codes, scales: stored })
}

export const ternaryMethod: WeightMethod<TernaryOptions> = {
  kind: 'weight',
  name: 'ternary',
  title: 'Ternary weights',
  paper: 'arXiv:1605.04711',
  options: z.strictObject({
    threshold: z.number().positive().default(0.7).describe('Weights below this multiple of the mean |w| become 0.'),
  }),
  needs: () => [],
  async compress(layers, _, options, context) {
    const out = new Map<string, Weight>()
    for (const [name, weight] of layers) {
      assertFinite(`${context.name} ${name}`, weight)
      out.set(name, ternary(weight, options))
    }
    return out
  },
  bitsPerWeight: ([, cols]) => 2 + 16 / cols,
}
