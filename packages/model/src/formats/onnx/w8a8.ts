import { packedWeight, type QuantizedWeight, type Weight } from '@sinter/tensor-core'
import { FormatError } from '../format-error.ts'
import { flip } from './dense-form.ts'
import { text, whole } from './record-fields.ts'
import { asF32 } from './values.ts'
import type { FormContext, FormRecord, Take, WeightForm } from './weight-form.ts'

/** Codes are unsigned, and stand for numbers around this: products of unsigned codes do not overflow on any processor. */
const MIDDLE = 128

/** Whether a matrix has 8 bits, one scale for each row, and no zero points: what an integer product computes with. */
export function isRowwise(weight: Weight): boolean {
  if (weight.kind !== 'quantized') return false
  const { bits, scales, zeroPoints, mins, shape } = (weight as QuantizedWeight).quantized
  const floats = scales.dtype === 'f16' || scales.dtype === 'f32'
  return bits === 8 && !zeroPoints && !mins && floats && scales.data.length === shape[0]
}

/**
 * 8-bit weights times 8-bit activations, as quantize and dequantize around `MatMul`: ONNX Runtime makes an integer product of it.
 * Activations get one scale a call, from their own range.
 */
export const w8a8: WeightForm = {
  emit(context, weight, x, name) {
    const { shape, scales, groupSize } = (weight as QuantizedWeight).quantized
    const codes = flip({ dtype: 'u8', shape, data: weight.parts().codes!.data })
    const record: FormRecord = {
      ...{ kind: 'w8a8', rows: shape[0], cols: shape[1], groupSize, scaleType: scales.dtype, flipped: true },
      codes: context.store.put(`${name}.codes`, codes),
      scales: context.store.put(`${name}.scales`, { ...scales, shape: [shape[0]] }),
    }
    return { y: multiplyRowwise(context, record, x), record }
  },
  read: readRowwise,
}

/** `x Wᵀ`. Codes that are stored by rows, because they are looked up too, are turned by a node. */
export function multiplyRowwise({ builder: b }: FormContext, record: FormRecord, x: string): string {
  const [quantized, scale, zero] = b.nodes('DynamicQuantizeLinear', [x], 3)
  const entering = b.node('DequantizeLinear', [quantized!, scale!, zero!])
  const rows = whole(record, 'rows', 1, 2 ** 24)
  const middles = b.constant('u8', [rows], new Uint8Array(rows).fill(MIDDLE))
  const stored = text(record, 'codes')
  const codes = record.flipped === true ? stored : b.node('Transpose', [stored], { perm: [1n, 0n] })
  const scales = asF32(b, text(record, 'scales'), record.scaleType === 'f16' ? 'f16' : 'f32')
  return b.node('MatMul', [entering, b.node('DequantizeLinear', [codes, scales, middles], { axis: 1n })])
}

async function readRowwise(record: FormRecord, take: Take): Promise<Weight> {
  const shape = [whole(record, 'rows', 1, 2 ** 24), whole(record, 'cols', 1, 2 ** 24)] as const
  const scales = await take(text(record, 'scales'))
  const codes = await take(text(record, 'codes'))
  if (scales.data.length !== shape[0] || codes.data.length !== shape[0] * shape[1])
    throw new FormatError(
      'size',
      `weight form [${shape}]: expected a scale for each row, got ${scales.data.length}, and ${codes.data.length} codes`,
    )
  const parts = { shape, bits: 8, groupSize: whole(record, 'groupSize', 1, 2 ** 24) }
  const byRow = record.flipped === true ? flip({ ...codes, shape: shape.toReversed() }) : codes
  return packedWeight({ ...parts, scales: { ...scales, shape: [shape[0], 1] } }, byRow.data as Uint8Array)
}
