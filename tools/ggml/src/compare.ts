import { decodeValues, type Encoding, encodeValues } from '@sinter/model'
import type { Ggml } from './oracle.ts'
import type { Slice } from './random-rows.ts'

/** Rows of 256 values that were compared with ggml's, and how many of them differ. */
export interface Tally {
  rows: number
  encode: number
  weighted: number
  decode: number
  /** Where the first difference was. */
  first?: string
}

export const newTally = (): Tally => ({ rows: 0, encode: 0, weighted: 0, decode: 0 })

/** Encodes the slice with ggml and with ours, with and without importance, and decodes what ggml made: bytes and bits. */
export function compareSlice(ggml: Ggml, encoding: Encoding, slice: Slice, tally: Tally): void {
  for (const { distribution, values } of slice.rows) {
    tally.rows += values.length / 256
    for (const importance of [undefined, slice.importance]) {
      if (!importance && ggml.needsImportance(encoding.ggmlType)) continue
      const bytes = ggml.encode(encoding.ggmlType, values, slice.width, importance)
      if (encoding.encode) {
        const ours = encodeValues(encoding, values, slice.width, importance)
        const wrong = differentRows(ours, bytes, (256 / encoding.blockSize) * encoding.blockBytes)
        tally[importance ? 'weighted' : 'encode'] += wrong.length
        note(tally, wrong, `${distribution}, ${importance ? 'with' : 'without'} importance`)
      }
      const wrong = wrongBits(ggml, encoding, bytes, values.length)
      tally.decode += wrong.length
      note(tally, wrong, `${distribution}, decoded`)
    }
  }
}

function note(tally: Tally, wrong: readonly number[], where: string): void {
  if (wrong.length > 0) tally.first ??= `${where}, row ${wrong[0]}`
}

/** Rows in which our decoder gives other bits than ggml's for the same bytes. Any NaN is a NaN. */
export function wrongBits(ggml: Ggml, encoding: Encoding, bytes: Uint8Array, count: number): number[] {
  const expected = ggml.decode(encoding.ggmlType, bytes, count)
  const actual = decodeValues(encoding, bytes, count)
  if (Buffer.compare(bytesOf(expected), bytesOf(actual)) === 0) return []
  const wrong = new Set<number>()
  for (let i = 0; i < count; i++) if (!Object.is(expected[i], actual[i])) wrong.add(i >> 8)
  return [...wrong]
}

const bytesOf = (values: Float32Array): Uint8Array =>
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength)

function differentRows(a: Uint8Array, b: Uint8Array, bytesOfRow: number): number[] {
  if (Buffer.compare(a, b) === 0) return []
  const rows = Array.from({ length: b.length / bytesOfRow }, (_, row) => row)
  const part = (all: Uint8Array, row: number): Uint8Array => all.subarray(row * bytesOfRow, (row + 1) * bytesOfRow)
  return rows.filter(row => Buffer.compare(part(a, row), part(b, row)) !== 0)
}
