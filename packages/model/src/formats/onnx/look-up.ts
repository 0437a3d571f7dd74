import { type OnnxBuilder, packedBytes } from '@sinter/tensor-core'
import { optionalText, text, whole } from './record-fields.ts'
import { asF32, floatScalar, ints } from './values.ts'
import type { FormContext, FormRecord } from './weight-form.ts'

/** What of a table's record counts for a look-up. */
interface Rows {
  readonly bits: number
  readonly block: number
  readonly blocks: number
  readonly codes: string
  readonly scales: string
  readonly scaleType: 'f16' | 'f32'
  readonly zeroPoints?: string | undefined
}

/** Rows by id of a table that `MatMulNBits` can multiply with, f32 `[batch, tokens, width]`; blocks fill its rows without a rest. */
export function lookUpNBits(
  { builder, store, gatherBlocks }: FormContext,
  record: FormRecord,
  name: string,
  ids: string,
): string {
  const [bits, cols, block] = [
    whole(record, 'bits', 2, 8),
    whole(record, 'cols', 1, 2 ** 24),
    whole(record, 'groupSize', 16, 2 ** 24),
  ]
  const shape = [whole(record, 'rows', 1, 2 ** 24), packedBytes(cols, bits)]
  const rows: Rows = {
    ...{ bits, block, blocks: cols / block },
    codes: store.alias(`${name}.rows`, text(record, 'codes'), shape),
    scales: text(record, 'scales'),
    scaleType: record.scaleType === 'f16' ? 'f16' : 'f32',
    zeroPoints: optionalText(record, 'zeroPoints'),
  }
  return gatherBlocks && block <= 256 ? byOperator(builder, rows, ids) : bySteps(builder, rows, ids)
}

function byOperator(b: OnnxBuilder, { bits, block, codes, scales, scaleType, zeroPoints }: Rows, ids: string): string {
  return b.node(
    'GatherBlockQuantized',
    [codes, ids, asF32(b, scales, scaleType), ...(zeroPoints === undefined ? [] : [zeroPoints])],
    { bits: BigInt(bits), block_size: BigInt(block), gather_axis: 0n, quantize_axis: 1n },
    'com.microsoft',
  )
}

/** The rows that occur, widened: (code − zero point) · scale. */
function bySteps(
  b: OnnxBuilder,
  { bits, block, blocks, codes, scales, scaleType, zeroPoints }: Rows,
  ids: string,
): string {
  const gather = (table: string) => b.node('Gather', [table, ids], { axis: 0n })
  const inBlocks = b.node('Reshape', [unpack(b, gather(codes), bits), ints(b, [0, 0, blocks, block])])
  const each = (values: string) => b.node('Unsqueeze', [values, ints(b, [3])])
  const zeros =
    zeroPoints === undefined
      ? floatScalar(b, 2 ** (bits - 1))
      : each(b.node('Slice', [unpack(b, gather(zeroPoints), bits), ints(b, [0]), ints(b, [blocks]), ints(b, [2])]))
  const scaled = b.node('Mul', [b.node('Sub', [inBlocks, zeros]), each(gather(asF32(b, scales, scaleType)))])
  return b.node('Reshape', [scaled, ints(b, [0, 0, -1])])
}

/** Bytes `[batch, tokens, n]` to codes as floats `[batch, tokens, n · 8 / bits]`, the low ones first. */
function unpack(b: OnnxBuilder, bytes: string, bits: number): string {
  const base = floatScalar(b, 2 ** bits)
  const parts: string[] = []
  let rest = b.node('Cast', [bytes], { to: 1n })
  for (let i = 0; i < 8 / bits; i++) {
    const next = b.node('Floor', [b.node('Div', [rest, base])])
    parts.push(b.node('Sub', [rest, b.node('Mul', [next, base])]))
    rest = next
  }
  if (parts.length === 1) return parts[0]!
  const last = parts.map(part => b.node('Unsqueeze', [part, ints(b, [3])]))
  return b.node('Reshape', [b.node('Concat', last, { axis: 3n }), ints(b, [0, 0, -1])])
}
