import { denseWeight, type Tensor, type Weight } from '@sinter/tensor-core'
import { turned } from '../transposed.ts'
import { text } from './record-fields.ts'
import { asF32 } from './values.ts'
import type { FormRecord, StoredForm, Take, WeightForm } from './weight-form.ts'

/** Plain numbers, `[in, out]` as `MatMul` wants them, of the type that they have. */
export const dense: WeightForm = {
  emit({ builder, store }, weight, x, name) {
    const values = turned(denseValues(weight))
    const stored = store.put(name, values)
    return {
      y: builder.node('MatMul', [x, asF32(builder, stored, values.dtype)]),
      record: { kind: 'dense', values: name },
    }
  },
  parts: record => [text(record, 'values')],
  numbers,
  read: async (record, take) => denseWeight(await numbers(record, take)),
}

async function numbers(record: FormRecord, take: Take): Promise<Tensor> {
  return turned(await take(text(record, 'values')))
}

/** Numbers that no product reads as they lie: vectors, and tables that are looked up. */
export const plain: StoredForm = {
  parts: record => [text(record, 'values')],
  byRows: () => true,
  numbers: (record, take) => take(text(record, 'values')),
}

const denseValues = (weight: Weight): Tensor => (weight.kind === 'dense' ? weight.parts().values! : weight.dense())
