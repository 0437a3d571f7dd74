import { isQuantized, packedWeight, type QuantizedWeight, type Weight } from '@sinter/tensor-core'
import { FormatError } from '../format-error.ts'
import { turned } from '../transposed.ts'
import { text, whole } from './record-fields.ts'
import { asF32, floatScalar, ints } from './values.ts'
import type { FormContext, FormRecord, RoundedInput, Take, WeightForm } from './weight-form.ts'

/** Codes are unsigned, and stand for numbers around this: products of unsigned codes do not overflow on any processor. */
const MIDDLE = 128

/** Whether a matrix has 8 bits, one scale for each row, and no zero points: what an integer product computes with. */
export function isRowwise(weight: Weight): boolean {
  if (!isQuantized(weight)) return false
  const { bits, scales, zeroPoints, mins, zeros, shape } = weight.quantized
  const floats = scales.dtype === 'f16' || scales.dtype === 'f32'
  return bits === 8 && !(zeroPoints ?? mins ?? zeros) && floats && scales.data.length === shape[0]
}

/**
 * 8-bit weights times 8-bit activations (W8A8) as an integer product, `MatMulInteger`. Every token has its own scale, found when it
 * comes.
 */
export const w8a8: WeightForm = {
  emit(context, weight, x, name) {
    const { shape, scales, groupSize } = (weight as QuantizedWeight).quantized
    const codes = turned({ dtype: 'u8' as const, shape, data: weight.parts().codes!.data })
    const record: FormRecord = {
      ...{ kind: 'w8a8', rows: shape[0], cols: shape[1], groupSize, scaleType: scales.dtype, flipped: true },
      codes: context.store.put(`${name}.codes`, codes),
      scales: context.store.put(`${name}.scales`, { ...scales, shape: [shape[0]] }),
    }
    return { y: multiplyRowwise(context, record, x), record }
  },
  encoding: () => 'W8A8',
  parts: record => [text(record, 'codes'), text(record, 'scales')],
  byRows: record => record.flipped !== true,
  read: readRowwise,
}

/** `x Wᵀ`. Codes that are stored by rows, because they are looked up too, are turned by a node. */
export function multiplyRowwise(context: FormContext, record: FormRecord, x: string): string {
  const { builder: b } = context
  const middle = b.constant('u8', [], [MIDDLE])
  const entering = roundedTokens(context, x)
  const stored = text(record, 'codes')
  const codes = record.flipped === true ? stored : b.node('Transpose', [stored], { perm: [1n, 0n] })
  const sums = b.node('Cast', [b.node('MatMulInteger', [entering.codes, codes, middle, middle])], { to: 1n })
  const scales = asF32(b, text(record, 'scales'), record.scaleType === 'f16' ? 'f16' : 'f32')
  return b.node('Mul', [b.node('Mul', [sums, entering.scale]), scales])
}

/**
 * Each token with a scale of its own: the first token of a text is often a hundred times as large as the others, who would be
 * nothing beside it. Linears behind one input share the work.
 */
function roundedTokens({ builder: b, rounded }: FormContext, x: string): RoundedInput {
  const known = rounded.get(x)
  if (known) return known
  const largest = b.node('ReduceMax', [b.node('Abs', [x]), ints(b, [-1])], { keepdims: 1n })
  const scale = b.node('Mul', [b.node('Max', [largest, floatScalar(b, 1e-30)]), floatScalar(b, 1 / 127)])
  const level = b.node('Round', [b.node('Div', [x, scale])])
  const codes = b.node('Cast', [b.node('Add', [level, floatScalar(b, MIDDLE)])], { to: 2n })
  const made = { codes, scale }
  rounded.set(x, made)
  return made
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
  const byRow = record.flipped === true ? turned({ ...codes, shape: shape.toReversed() }) : codes
  return packedWeight({ ...parts, scales: { ...scales, shape: [shape[0], 1] } }, byRow.data as Uint8Array)
}
