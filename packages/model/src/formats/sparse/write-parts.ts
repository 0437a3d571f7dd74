import type { DType, Tensor, TypedArray } from '@sinter/tensor-core'
import type { WeightsWriter } from '../hf-write.ts'
import { baseOf, type Part, partName } from './layout.ts'
import { countMaskRows, maskRowBytes, packMaskRows } from './mask-rows.ts'
import { type KeptPattern, keptPerRow, packPatternRows, patternRowBytes } from './pattern-rows.ts'
import { likeBits, rawBits, viewedAs } from './raw-bits.ts'
import type { SparseForm } from './scan.ts'
import type { SparseInput } from './write.ts'

/** Writes one matrix `[rows, cols]` in a sparse form, a piece at a time. */
export async function writeParts(
  writer: WeightsWriter,
  input: SparseInput,
  name: string,
  shape: readonly [number, number],
  form: SparseForm,
): Promise<void> {
  const put = partWriter(writer, baseOf(name))
  await put('shape', 0, 'i64', wholes(shape))
  const pieces = input.pieces(name)
  if (form.kind === 'pattern') await writePattern(put, pieces, shape[1], form.pattern)
  else await writeMask(put, pieces, shape, form.rowOffsets)
}

type Put = (part: Part, start: number, dtype: DType, data: TypedArray, perRow?: number) => Promise<void>

/** Writes rows of a part; of a list when `perRow` is absent. */
const partWriter =
  (writer: WeightsWriter, base: string): Put =>
  (part, start, dtype, data, perRow) => {
    const shape = perRow === undefined ? [data.length] : [data.length / perRow, perRow]
    return writer.writeRows(partName(base, part), start, { dtype, shape, data } as Tensor)
  }

const wholes = (values: ArrayLike<number>): BigInt64Array => BigInt64Array.from(Array.from(values, BigInt))

type Pieces = ReturnType<SparseInput['pieces']>

async function writePattern(put: Put, pieces: Pieces, cols: number, pattern: KeptPattern): Promise<void> {
  await put('pattern', 0, 'i64', wholes([pattern.kept, pattern.of]))
  const [each, rowBytes] = [keptPerRow(cols, pattern), patternRowBytes(cols, pattern)]
  for await (const { start, rows } of pieces) {
    const bits = rawBits(rows)!
    const count = bits.length / cols
    const values = likeBits(bits, count * each)
    const index = new Uint8Array(count * rowBytes)
    packPatternRows(bits, cols, pattern, values, index)
    await put('compressed', start, rows.dtype, viewedAs(values, rows.data), each)
    await put('index', start, 'u8', index, rowBytes)
  }
}

async function writeMask(
  put: Put,
  pieces: Pieces,
  [rowCount, cols]: readonly [number, number],
  rowOffsets: boolean,
): Promise<void> {
  const counts = new Float64Array(rowCount)
  const rowBytes = maskRowBytes(cols)
  let at = 0
  for await (const { start, rows } of pieces) {
    const bits = rawBits(rows)!
    const count = bits.length / cols
    const mask = new Uint8Array(count * rowBytes)
    const values = likeBits(bits, bits.length)
    const kept = packMaskRows(bits, cols, mask, values)
    countMaskRows(mask, cols, counts.subarray(start, start + count), 'bitmask')
    await put('compressed', at, rows.dtype, viewedAs(values.subarray(0, kept), rows.data))
    await put('bitmask', start, 'u8', mask, rowBytes)
    at += kept
  }
  if (rowOffsets) await put('row_offsets', 0, 'i64', startsOf(counts))
}

function startsOf(counts: Float64Array): BigInt64Array {
  let at = 0
  return wholes(
    counts.map(count => {
      at += count
      return at - count
    }),
  )
}
