import type { NBits } from './round.ts'
import { onnxTypeNamed } from './types.ts'

/** Columns that share a scale where matrices are rounded by an export. */
export const DEFAULT_BLOCK = 32

/** Sizes of blocks by which rows of a table can be looked up, the largest first. */
export const tableBlock = (width: number, most: number): number | undefined =>
  [most, 64, 32, 16].find(size => size <= most && width % size === 0)

/** As what an export stores a matrix `[out, in]` that has no compressed form. */
export interface Rounded {
  /** `MatMulNBits:4`, `W8A8`, `f16` */
  readonly encoding: string
  readonly bytes: number
}

/** @param table whether rows are looked up: an embedding, or a head. @throws FormatError `unsupported` for an unknown type */
export function roundedAs(typeName: string, [rows, cols]: readonly [number, number], table: boolean): Rounded {
  const { linear, table: ofTables, integerProducts } = onnxTypeNamed(typeName)
  const wanted = table ? ofTables : linear
  if (typeof wanted === 'string') return plain(wanted, rows * cols)
  if (integerProducts) return coded('W8A8', rows, cols, wanted, cols)
  const block = table ? tableBlock(cols, DEFAULT_BLOCK) : DEFAULT_BLOCK
  return block === undefined ? plain('f32', rows * cols) : coded(`MatMulNBits:${wanted}`, rows, cols, wanted, block)
}

const plain = (encoding: 'f16' | 'f32', count: number): Rounded => ({
  encoding,
  bytes: count * (encoding === 'f32' ? 4 : 2),
})

function coded(encoding: string, rows: number, cols: number, bits: NBits, block: number): Rounded {
  const blocks = Math.ceil(cols / block)
  return { encoding, bytes: rows * (Math.ceil((blocks * block * bits) / 8) + 2 * blocks) }
}
