import { bytesOf, castTo, type DType, isQuantized, toF32, type Weight } from '@sinter/tensor-core'
import type { TensorInfo } from '../source.ts'
import { emitForm } from './forms.ts'
import { lookUpNBits } from './look-up.ts'
import { fitsNBits, multiplyNBits, storeNBits } from './n-bits.ts'
import { text } from './record-fields.ts'
import { type NBits, roundToNBits } from './round.ts'
import { tableBlock } from './rounded.ts'
import type { OnnxSource } from './source-of.ts'
import { asF32, ints } from './values.ts'
import { multiplyRowwise } from './w8a8.ts'
import type { FormContext, FormRecord } from './weight-form.ts'

/** Of embedding and head: bits to round to, or a type of plain numbers. */
export type TableType = NBits | 'f16' | 'f32'

/** A table `[rows, width]` that is looked up by row, multiplied with, or both. */
export interface Table {
  readonly record: FormRecord
  /** Rows by id, f32 `[batch, tokens, width]`. */
  lookUp(ids: string): string
  /** `x Wᵀ` */
  multiply(x: string): string
}

/** Values held at a time: an embedding in f32 would be a gigabyte. */
const PIECE = 2 ** 22

/**
 * Stores an embedding or a head, in its own compressed form when it has one that can be looked up, and otherwise rounded as `type`
 * says.
 */
export async function storeTable(
  context: FormContext,
  source: OnnxSource,
  name: string,
  type: TableType,
  block: number,
): Promise<Table> {
  const weight = await source.weight(name)
  if (weight && isLookUp(weight)) return nBitsTable(context, storeNBits(context, weight, name), name)
  const info = source.info(name)
  const width = info.shape[1]!
  const divides = tableBlock(width, block)
  if (weight || typeof type === 'string' || divides === undefined)
    return plainTable(context, await storePlain(context, source, name, info, type === 'f16' ? 'f16' : 'f32'))
  const rowwise = context.integerProducts && type === 8
  const record = await storeRounded(context, source, name, info, type, rowwise ? width : divides)
  return rowwise ? rowTable(context, record, name) : nBitsTable(context, record, name)
}

/** A head that nothing looks up may have any form. */
export async function storeHead(
  context: FormContext,
  source: OnnxSource,
  name: string,
  type: TableType,
  block: number,
  x: string,
): Promise<{ readonly y: string; readonly record: FormRecord }> {
  const weight = await source.weight(name)
  if (weight) return emitForm(context, weight, x, name)
  const { record, multiply } = await storeTable(context, source, name, type, block)
  return { record, y: multiply(x) }
}

/** Rows are looked up by whole zero points, and without filling. */
function isLookUp(weight: Weight): boolean {
  if (!isQuantized(weight) || !fitsNBits(weight)) return false
  const { zero, bits, groupSize } = weight.attributes()
  const power = typeof groupSize === 'number' && groupSize >= 16 && (groupSize & (groupSize - 1)) === 0
  return zero !== 'min' && [2, 4, 8].includes(Number(bits)) && power && weight.shape[1] % Number(groupSize) === 0
}

/** What is looked up and what is multiplied with are the same bytes, as rows and as blocks. */
function nBitsTable(context: FormContext, record: FormRecord, name: string): Table {
  return {
    record,
    lookUp: ids => lookUpNBits(context, record, name, ids),
    multiply: x => multiplyNBits(context, record, x),
  }
}

/** A scale a row: an integer product. */
function rowTable(context: FormContext, blocks: FormRecord, name: string): Table {
  const record = {
    ...blocks,
    kind: 'w8a8',
    codes: context.store.alias(`${name}.matrix`, text(blocks, 'codes'), [
      ...[Number(blocks.rows), Number(blocks.cols)],
    ]),
    scales: context.store.alias(`${name}.column`, text(blocks, 'scales'), [Number(blocks.rows)]),
  }
  return {
    record,
    lookUp: ids => lookUpNBits(context, blocks, name, ids),
    multiply: x => multiplyRowwise(context, record, x),
  }
}

/** Widened before it is looked at: a graphics processor without half floats has no kernel for them. */
function plainTable({ builder }: FormContext, record: FormRecord): Table {
  let wide: string | undefined
  const values = () => (wide ??= asF32(builder, text(record, 'values'), text(record, 'dtype') as DType))
  return {
    record,
    lookUp: ids => builder.node('Gather', [values(), ids], { axis: 0n }),
    multiply: x => builder.node('MatMul', [x, builder.node('Transpose', [values()], { perm: [1n, 0n] })]),
  }
}

/** Rows in order, f32, a piece at a time. */
async function* pieces(source: OnnxSource, name: string, { shape }: TensorInfo) {
  const [rows, width] = shape as readonly [number, number]
  const step = Math.max(1, Math.floor(PIECE / width))
  for (let start = 0; start < rows; start += step)
    yield { start, values: toF32(await source.readRows(name, start, Math.min(step, rows - start))) }
}

async function storePlain(
  { store }: FormContext,
  source: OnnxSource,
  name: string,
  info: TensorInfo,
  dtype: 'f16' | 'f32',
): Promise<FormRecord> {
  const { shape } = info
  const place = store.reserve(name, dtype, shape)
  for await (const { start, values } of pieces(source, name, info)) {
    const part = bytesOf(dtype === 'f32' ? values : castTo(values, dtype))
    await place.write(part, start * (part.length / values.shape[0]!))
  }
  return { kind: 'plain', values: name, dtype }
}

async function storeRounded(
  { store }: FormContext,
  source: OnnxSource,
  name: string,
  info: TensorInfo,
  bits: NBits,
  block: number,
): Promise<FormRecord> {
  const [rows, cols] = info.shape as readonly [number, number]
  const blocks = cols / block
  const codes = store.reserve(`${name}.codes`, 'u8', [rows, blocks, (block * bits) / 8])
  const scales = store.reserve(`${name}.scales`, 'f16', [rows, blocks])
  for await (const { start, values } of pieces(source, name, info)) {
    const parts = roundToNBits(values, bits, block).parts()
    await codes.write(bytesOf(parts.codes!), (start * cols * bits) / 8)
    await scales.write(bytesOf(parts.scales!), start * blocks * 2)
  }
  return {
    ...{ kind: 'nBits', rows, cols, bits, groupSize: block, perTensor: rows * blocks === 1 },
    ...{ zero: 'none', scaleType: 'f16', codes: codes.name, scales: scales.name },
  }
}

/** Learned positions: rows by position id. */
export async function storePositions(
  context: FormContext,
  source: OnnxSource,
  { name, offset }: { readonly name: string; readonly offset: number },
  ids: string,
): Promise<{ readonly y: string; readonly record: FormRecord }> {
  const record = await storePlain(context, source, name, source.info(name), 'f32')
  const { builder } = context
  const places = offset === 0 ? ids : builder.node('Add', [ids, ints(builder, [offset])])
  return { record, y: plainTable(context, record).lookUp(places) }
}
