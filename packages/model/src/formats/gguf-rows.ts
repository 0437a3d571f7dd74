import { bytesOf, f32, type Tensor, type TensorF32, toF32 } from '@sinter/tensor-core'
import { encodingNamed } from './encodings.ts'
import type { GgufRows } from './gguf-job.ts'
import { toGgufLayout } from './gguf-layout.ts'
import type { GgufPlanTensor } from './gguf-plan.ts'
import type { TensorSource } from './source.ts'

/** A source that may know rows of a tensor without the others. */
export type RowSource = Pick<TensorSource, 'info' | 'read'> & Partial<Pick<TensorSource, 'readRows'>>

const floats: readonly string[] = ['f32', 'f16', 'bf16']

/** The rows of a Hugging Face tensor as GGUF wants them, by pieces where that can be. */
export async function checkpointRows(tensor: GgufPlanTensor, source: RowSource): Promise<GgufRows> {
  const { from, layout } = tensor
  const { dtype, shape } = source.info(from)
  const byRows = shape.length === 2 && !layout.transpose && layout.add === 0 && floats.includes(dtype)
  if (!byRows || !source.readRows) return heldRows(toGgufLayout(layout, toF32(await source.read(from))))
  const encoding = encodingNamed(dtype)
  const { rowOrder } = layout
  const read: ReadRows = (start, count, into) => source.readRows!(from, start, count, into as Uint8Array<ArrayBuffer>)
  if (!rowOrder) return { encoding, read: async (start, count, into) => bytesOf(await read(start, count, into)) }
  if (rowOrder.length !== shape[0])
    throw new RangeError(`the heads in the config have ${rowOrder.length} rows, but ${from} is [${shape}]`)
  return { encoding, read: (start, count, into) => gathered(read, rowOrder.subarray(start, start + count), into) }
}

type ReadRows = (start: number, count: number, into?: Uint8Array) => Promise<Tensor>

/** Rows in another order: those that are neighbours in the source are read together. */
async function gathered(read: ReadRows, order: Int32Array, into: Uint8Array): Promise<Uint8Array> {
  const rowBytes = into.length / order.length
  const sorted = order.toSorted()
  const places = new Map(Array.from(order, (row, i) => [row, i]))
  for (let i = 0; i < sorted.length; ) {
    let end = i + 1
    while (end < sorted.length && sorted[end] === sorted[end - 1]! + 1) end++
    const bytes = bytesOf(await read(sorted[i]!, end - i))
    for (let j = i; j < end; j++)
      into.set(bytes.subarray((j - i) * rowBytes, (j - i + 1) * rowBytes), places.get(sorted[j]!)! * rowBytes)
    i = end
  }
  return into
}

/** Values that are held whole. */
export function heldRows(value: TensorF32): GgufRows {
  const width = value.shape.at(-1) ?? 1
  return {
    encoding: encodingNamed('F32'),
    read: async (start, count) =>
      bytesOf(f32([count * width], value.data.subarray(start * width, (start + count) * width))),
  }
}

/** Bytes that are held whole, in the encoding in which they will be stored. */
export function heldBytes(encoding: string, bytes: Uint8Array, rows: number): GgufRows {
  const rowBytes = bytes.length / rows
  return {
    encoding: encodingNamed(encoding),
    read: async (start, count) => bytes.subarray(start * rowBytes, (start + count) * rowBytes),
  }
}
