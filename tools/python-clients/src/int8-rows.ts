import { int8Rows } from '@sinter/model'
import type { TensorF32, Weight } from '@sinter/tensor-core'

/** LLM.int8() without its outliers: every row divided by its largest |w|, times 127, to the nearest whole number. */
export function int8RowsOf({ shape, data }: TensorF32): Weight {
  const [out, width] = shape as [number, number]
  const codes = new Uint8Array(data.length)
  const maxima = new Float32Array(out)
  for (let i = 0; i < out; i++) {
    const row = data.subarray(i * width, (i + 1) * width)
    const most = row.reduce((max, w) => Math.max(max, Math.abs(w)), 0)
    maxima[i] = most
    for (let j = 0; j < width; j++) codes[i * width + j] = 128 + Math.round((row[j]! * 127) / (most || 1))
  }
  return int8Rows([out, width], codes, maxima)
}
