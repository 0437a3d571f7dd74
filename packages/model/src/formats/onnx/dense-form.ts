import { denseWeight, type Tensor, type Weight } from '@sinter/tensor-core'
import { text } from './record-fields.ts'
import { asF32 } from './values.ts'
import type { WeightForm } from './weight-form.ts'

/** Plain numbers, `[in, out]` as `MatMul` wants them, of the type that they have. */
export const dense: WeightForm = {
  emit({ builder, store }, weight, x, name) {
    const values = flip(denseValues(weight))
    const stored = store.put(name, values)
    return {
      y: builder.node('MatMul', [x, asF32(builder, stored, values.dtype)]),
      record: { kind: 'dense', values: name },
    }
  },
  read: async (record, take) => denseWeight(flip(await take(text(record, 'values')))),
}

const denseValues = (weight: Weight): Tensor => (weight.kind === 'dense' ? weight.parts().values! : weight.dense())

/** The transpose of a matrix, of any type. */
export function flip({ dtype, shape, data }: Tensor): Tensor {
  const [rows, cols] = shape as readonly [number, number]
  const out = new (data.constructor as new (length: number) => typeof data)(data.length)
  for (let i = 0; i < rows; i++) for (let j = 0; j < cols; j++) out[j * rows + i] = data[i * cols + j]!
  return { dtype, shape: [cols, rows], data: out }
}
