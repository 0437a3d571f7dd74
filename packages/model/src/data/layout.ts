import { createRng } from '@sinter/tensor-core'
import { SinterError } from '../errors.ts'
import type { Documents } from './documents.ts'
import { firstFit } from './first-fit.ts'
import { MAX_LENGTH } from './limits.ts'
import { cutPieces, type Pieces } from './pieces.ts'

export interface LayoutOptions {
  /** Numbers of the documents; default: all. See `splitDocuments`. */
  readonly documents?: Iterable<number> | undefined
  /** Tokens of a row. */
  readonly length: number
  /** Several documents in a row; otherwise one, padded. On by default. */
  readonly packing?: boolean | undefined
  readonly seed?: string | number | undefined
}

/** Which pieces stand in which row. */
export interface Layout {
  readonly pieces: Pieces
  readonly rows: number
  /** Share of the rows that is padding. */
  readonly padding: number
  /** Numbers of row r's pieces, in order. */
  row(r: number): Int32Array
}

/**
 * Lays documents out in rows. They are packed first-fit in a shuffled order: sorted by size they would fill rows better, but put
 * documents of one length, and so of one sort, together. No document is divided that fits into a row.
 * @throws SinterError `option` for a length that makes no sense
 */
export async function layOut(
  documents: Documents,
  { documents: chosen, length, packing = true, seed = 0 }: LayoutOptions,
): Promise<Layout> {
  if (!Number.isSafeInteger(length) || length < 2 || length > MAX_LENGTH)
    throw new SinterError('option', `length: expected a whole number of tokens from 2 to ${MAX_LENGTH}, got ${length}`)
  const pieces = await cutPieces(documents, chosen ?? Array(documents.count).keys(), length)
  const order = Array.from(pieces.size.keys())
  if (packing) createRng(seed).split('packing').shuffle(order)
  const { members, starts } = group(order, packing ? packed(pieces, order, length) : Int32Array.from(order))
  const rows = starts.length - 1
  const used = pieces.size.reduce((sum, size) => sum + size, 0)
  return {
    pieces,
    rows,
    padding: 1 - used / (rows * length),
    row: r => members.subarray(starts[r]!, starts[r + 1]!),
  }
}

const packed = ({ size }: Pieces, order: readonly number[], length: number): Int32Array =>
  firstFit(
    order.map(piece => size[piece]!),
    length,
  )

/** Sorts pieces by row, keeping their order inside a row. */
function group(order: readonly number[], rowOf: Int32Array): { members: Int32Array; starts: Int32Array } {
  const rows = rowOf.reduce((most, row) => Math.max(most, row), -1) + 1
  const starts = new Int32Array(rows + 1)
  for (const row of rowOf) starts[row + 1]!++
  for (let r = 0; r < rows; r++) starts[r + 1]! += starts[r]!
  const next = starts.slice()
  const members = new Int32Array(order.length)
  order.forEach((piece, i) => {
    members[next[rowOf[i]!]!++] = piece
  })
  return { members, starts }
}
