import {
  f32,
  packBits,
  packedBytes,
  type Quantized,
  type QuantizedWeight,
  type Tensor,
  toF32,
  type Weight,
} from '@sinter/tensor-core'
import { groupsOfBlocks, type NBitsLayout, nBitsLayout } from './n-bits-layout.ts'
import { readNBits, shapeOf } from './n-bits-read.ts'
import { optionalText, text } from './record-fields.ts'
import { asF32 } from './values.ts'
import type { FormContext, FormRecord, WeightForm } from './weight-form.ts'

const quantizedOf = (weight: Weight): Quantized => (weight as QuantizedWeight).quantized

/** Whether `MatMulNBits` can hold a quantized matrix with its own numbers. */
export const fitsNBits = (weight: Weight): boolean => nBitsLayout(quantizedOf(weight)) !== undefined

/**
 * `MatMulNBits`: the weight's own codes, scales and zero points. Groups of 16 … 256 are its blocks; other multiples of 16 are cut
 * into blocks that repeat the scale.
 */
export const nBits: WeightForm = {
  emit(context, weight, x, name) {
    const record = storeNBits(context, weight, name)
    return { y: multiplyNBits(context, record, x), record }
  },
  encoding: ({ bits }) => `MatMulNBits:${String(bits)}`,
  parts: record => ['codes', 'scales', 'zeroPoints'].flatMap(part => optionalText(record, part) ?? []),
  byRows: () => true,
  read: readNBits,
}

/** Stores what `MatMulNBits` reads, without computing with it yet. */
export function storeNBits({ store }: FormContext, weight: Weight, name: string): FormRecord {
  const q = quantizedOf(weight)
  const layout = nBitsLayout(q)!
  const [rows, cols] = q.shape
  const blob = (layout.block * layout.stored) / 8
  const codes = store.put(`${name}.codes`, {
    dtype: 'u8',
    shape: [rows, layout.blocks, blob],
    data: isStream(q, layout) ? (weight.parts().codes!.data as Uint8Array) : packRows(q, layout),
  })
  const perBlock = (values: Tensor) => spread(values, q, layout)
  const scales = store.put(`${name}.scales`, perBlock(q.scales))
  const zeros = zeroTensor(q, layout)
  return {
    kind: 'nBits',
    rows,
    cols,
    bits: q.bits,
    groupSize: q.groupSize,
    perTensor: q.scales.data.length === 1,
    zero: q.mins ? 'min' : q.zeroPoints ? 'integer' : 'none',
    scaleType: q.scales.dtype,
    codes,
    scales,
    ...(zeros && { zeroPoints: store.put(`${name}.zero_points`, zeros) }),
  }
}

/** `x Wᵀ` with what `storeNBits` stored. */
export function multiplyNBits({ builder, accuracyLevel }: FormContext, record: FormRecord, x: string): string {
  const { shape, layout } = shapeOf(record)
  const scales = asF32(builder, text(record, 'scales'), record.scaleType === 'f16' ? 'f16' : 'f32')
  const zeros = optionalText(record, 'zeroPoints')
  return builder.node(
    'MatMulNBits',
    [x, text(record, 'codes'), scales, ...(zeros === undefined ? [] : [zeros])],
    {
      K: BigInt(shape[1]),
      N: BigInt(shape[0]),
      bits: BigInt(layout.stored),
      block_size: BigInt(layout.block),
      accuracy_level: BigInt(accuracyLevel),
    },
    'com.microsoft',
  )
}

/** Whether the stored stream of codes is, byte for byte, what the operator wants. */
const isStream = ({ shape, bits }: Quantized, { stored, block }: NBitsLayout): boolean =>
  bits === stored && shape[1] % block === 0

/** Codes row by row, widened, every row filled up to whole blocks. */
function packRows(q: Quantized, { stored, block, blocks, shift }: NBitsLayout): Uint8Array {
  const [rows, cols] = q.shape
  const wide = blocks * block
  const bytes = packedBytes(wide, stored)
  const out = new Uint8Array(rows * bytes)
  const line = new Uint8Array(wide)
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < cols; column++) line[column] = q.codes[row * cols + column]! + shift
    packBits(line, stored, out.subarray(row * bytes, (row + 1) * bytes))
  }
  return out
}

/** Scales `[rows, groups]` or `[1, 1]` as `[rows, blocks]`, of their own type. */
function spread(values: Tensor, q: Quantized, layout: NBitsLayout): Tensor {
  const { blocks, groups } = layout
  const rows = q.shape[0]
  const shape = [rows, blocks]
  const single = values.data.length === 1
  if (!single && blocks === groups) return { ...values, shape }
  const places = groupsOfBlocks(layout, q.groupSize)
  const data = new (values.data.constructor as new (length: number) => Float32Array)(rows * blocks)
  const from = values.data as Float32Array
  for (let row = 0, at = 0; row < rows; row++)
    for (const group of places) data[at++] = from[single ? 0 : row * groups + group]!
  return { dtype: values.dtype, shape, data }
}

function zeroTensor(q: Quantized, layout: NBitsLayout): Tensor | undefined {
  const rows = q.shape[0]
  if (q.mins) {
    const [scales, mins] = [toF32(q.scales).data, toF32(q.mins).data]
    const zeros = f32(
      q.scales.shape,
      mins.map((min, i) => -min / scales[i]!),
    )
    return spread(zeros, q, layout)
  }
  if (!q.zeroPoints) return undefined
  const whole = spread({ dtype: 'u8', shape: q.scales.shape, data: q.zeroPoints }, q, layout).data as Uint8Array
  const bytes = packedBytes(layout.blocks, layout.stored)
  const data = new Uint8Array(rows * bytes)
  for (let row = 0; row < rows; row++)
    packBits(
      whole.slice(row * layout.blocks, (row + 1) * layout.blocks),
      layout.stored,
      data.subarray(row * bytes, (row + 1) * bytes),
    )
  return { dtype: 'u8', shape: [rows, bytes], data }
}
