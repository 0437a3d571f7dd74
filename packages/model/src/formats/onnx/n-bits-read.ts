import {
  castTo,
  f32,
  packBits,
  packedBytes,
  packedWeight,
  type Quantized,
  type Tensor,
  toF32,
  unpackBits,
  type Weight,
} from '@sinter/tensor-core'
import { FormatError } from '../format-error.ts'
import { groupsOfBlocks, type NBitsLayout, nBitsLayout } from './n-bits-layout.ts'
import { text, whole } from './record-fields.ts'
import type { FormRecord, Take } from './weight-form.ts'

/** 2^24, as for every matrix. */
const MAX_DIM = 2 ** 24

/** What a record says of a matrix, and the layout that follows from it. */
export function shapeOf(
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

/** The inverse of `storeNBits`. */
export async function readNBits(record: FormRecord, take: Take): Promise<Weight> {
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
