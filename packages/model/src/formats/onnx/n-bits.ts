import {
  castTo,
  f32,
  packBits,
  packedBytes,
  packedWeight,
  type Quantized,
  type QuantizedWeight,
  type Tensor,
  toF32,
  unpackBits,
  type Weight,
} from '@sinter/tensor-core'
import { FormatError } from '../format-error.ts'
import { groupsOfBlocks, type NBitsLayout, nBitsLayout } from './n-bits-layout.ts'
import { optionalText, text, whole } from './record-fields.ts'
import { asF32 } from './values.ts'
import type { FormContext, FormRecord, Take, WeightForm } from './weight-form.ts'

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

/** 2^24, as for every matrix. */
const MAX_DIM = 2 ** 24

/** What a record says of a matrix, and the layout that follows from it. */
function shapeOf(
  record: FormRecord,
): { shape: readonly [number, number]; layout: NBitsLayout } & Pick<Quantized, 'bits' | 'groupSize'> {
  const shape = [whole(record, 'rows', 1, MAX_DIM), whole(record, 'cols', 1, MAX_DIM)] as const
  const bits = whole(record, 'bits', 1, 8)
  const groupSize = whole(record, 'groupSize', 1, MAX_DIM)
  const groups = record.perTensor === true ? 1 : Math.ceil(shape[1] / groupSize)
  const data = new Uint8Array(record.perTensor === true ? 1 : 2)
  const layout = nBitsLayout({
    ...{ shape, bits, groupSize },
    scales: { dtype: record.scaleType === 'f16' ? 'f16' : 'f32', shape: [1, data.length], data },
    ...(record.zero === 'integer' && { zeroPoints: data }),
    ...(record.zero === 'min' && { mins: { dtype: 'f16', shape: [1, data.length], data } }),
  })
  if (!layout || groups < 1)
    throw new FormatError('schema', `weight form: no grid of ${bits} bits, group size ${groupSize}`)
  return { shape, bits, groupSize, layout }
}

async function readNBits(record: FormRecord, take: Take): Promise<Weight> {
  const { shape, bits, groupSize, layout } = shapeOf(record)
  const [rows, cols] = shape
  const { block, blocks, stored, shift } = layout
  const size = (what: string, values: Tensor, count: number): Tensor => {
    if (values.data.length === count) return values
    throw new FormatError('size', `weight form [${shape}]: expected ${count} ${what}, got ${values.data.length}`)
  }
  const bytes = packedBytes(blocks * block, stored)
  const codes = size('bytes of codes', await take(text(record, 'codes')), rows * bytes).data as Uint8Array
  const perGroup = (values: Tensor) => gather(values, record, layout, rows, groupSize)
  const spreadScales = size('scales', await take(text(record, 'scales')), rows * blocks)
  const scales = perGroup(spreadScales)
  const zero = await readZeros(record, take, layout, rows, spreadScales, size, perGroup)
  const packed =
    bits === stored && cols % block === 0 ? codes : packBits(unpackRows(codes, shape, layout, bytes, shift), bits)
  return packedWeight({ shape, bits, groupSize, scales, ...zero }, packed)
}

function unpackRows(
  codes: Uint8Array,
  [rows, cols]: readonly [number, number],
  { block, blocks, stored }: NBitsLayout,
  bytes: number,
  shift: number,
): Uint8Array {
  const out = new Uint8Array(rows * cols)
  for (let row = 0; row < rows; row++) {
    const line = unpackBits(codes.slice(row * bytes, (row + 1) * bytes), stored, blocks * block)
    for (let column = 0; column < cols; column++) out[row * cols + column] = line[column]! - shift
  }
  return out
}

/** The inverse of `spread`. */
function gather(values: Tensor, record: FormRecord, layout: NBitsLayout, rows: number, groupSize: number): Tensor {
  const { blocks, groups } = layout
  if (record.perTensor === true) return { ...values, shape: [1, 1], data: values.data.slice(0, 1) }
  if (blocks === groups) return { ...values, shape: [rows, groups] }
  const places = groupsOfBlocks(layout, groupSize)
  const first = Array.from({ length: groups }, (_, group) => places.indexOf(group))
  const from = values.data as Float32Array
  const data = new (values.data.constructor as new (length: number) => Float32Array)(rows * groups)
  for (let row = 0, at = 0; row < rows; row++) for (const b of first) data[at++] = from[row * blocks + b]!
  return { dtype: values.dtype, shape: [rows, groups], data }
}

async function readZeros(
  record: FormRecord,
  take: Take,
  { blocks, stored }: NBitsLayout,
  rows: number,
  scales: Tensor,
  size: (what: string, values: Tensor, count: number) => Tensor,
  perGroup: (values: Tensor) => Tensor,
): Promise<Pick<Quantized, 'zeroPoints' | 'mins'>> {
  if (record.zero === 'none') return {}
  const stored0 = await take(text(record, 'zeroPoints'))
  if (record.zero === 'min') {
    const zeros = size('zero points', stored0, rows * blocks).data as Float32Array
    const factors = toF32(scales).data
    const mins = f32(
      [rows, blocks],
      zeros.map((zero, i) => -zero * factors[i]!),
    )
    return { mins: perGroup(castTo(mins, 'f16')) }
  }
  const bytes = packedBytes(blocks, stored)
  const packed = size('bytes of zero points', stored0, rows * bytes).data as Uint8Array
  const data = new Uint8Array(rows * blocks)
  for (let row = 0; row < rows; row++)
    data.set(unpackBits(packed.slice(row * bytes, (row + 1) * bytes), stored, blocks), row * blocks)
  return { zeroPoints: perGroup({ dtype: 'u8', shape: [rows, blocks], data }).data as Uint8Array }
}
