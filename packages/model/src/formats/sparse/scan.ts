import { type DType, dtypes } from '@sinter/tensor-core'
import { maskRowBytes } from './mask-rows.ts'
import { type KeptPattern, keptPerRow, patternRowBytes } from './pattern-rows.ts'
import type { RawBits } from './raw-bits.ts'

/** What has to be known of a matrix to choose how it is stored. */
export interface Scan {
  /** Elements that are not zero. */
  kept: number
  /** The most of them in a group, by the size of groups; groups are runs of a row. */
  readonly most: Map<number, number>
}

/** How one matrix is stored: by a mask, or by codes of an n:m pattern. */
export type SparseForm =
  | { readonly kind: 'bitmask'; readonly rowOffsets: boolean }
  | { readonly kind: 'pattern'; readonly pattern: KeptPattern }

/** The sizes that pruning methods and hardware use. */
const groupSizes = [4, 8]

export const startScan = (cols: number): Scan => ({
  kept: 0,
  most: new Map(groupSizes.filter(of => cols % of === 0).map(of => [of, 0])),
})

/** Adds whole rows. */
export function scanRows(scan: Scan, bits: RawBits): void {
  for (const [of, most] of scan.most) scan.most.set(of, Math.max(most, fullestGroup(bits, of, most)))
  let kept = 0
  for (let k = 0; k < bits.length; k++) if (bits[k] !== 0) kept++
  scan.kept += kept
}

function fullestGroup(bits: RawBits, of: number, start: number): number {
  let most = start
  for (let k = 0; k < bits.length && most < of; k += of) {
    let count = 0
    for (let j = 0; j < of; j++) if (bits[k + j] !== 0) count++
    if (count > most) most = count
  }
  return most
}

/** Which forms may be chosen: all, or the one that compressed-tensors up to 0.14 reads. */
export type SparseLayout = 'smallest' | 'bitmask'

/** The form that takes the fewest bytes; undefined when plain numbers do. */
export function chooseForm(
  scan: Scan,
  [rows, cols]: readonly [number, number],
  dtype: DType,
  layout: SparseLayout,
): SparseForm | undefined {
  const item = dtypes[dtype].bytes
  const rowOffsets = layout === 'bitmask'
  const mask = scan.kept * item + rows * (maskRowBytes(cols) + (rowOffsets ? OFFSET_BYTES : 0)) + SHAPE_BYTES
  const patterns = layout === 'bitmask' ? [] : [...scan.most]
  const forms: { readonly form: SparseForm | undefined; readonly bytes: number }[] = [
    { form: undefined, bytes: rows * cols * item },
    { form: { kind: 'bitmask', rowOffsets }, bytes: mask },
    ...patterns.flatMap(([of, most]) => patternForm({ kept: Math.max(1, most), of }, rows, cols, item)),
  ]
  return forms.reduce((best, next) => (next.bytes < best.bytes ? next : best)).form
}

/** Where a row begins. */
const OFFSET_BYTES = 8
/** Two numbers beside the mask; the pattern takes two more. */
const SHAPE_BYTES = 16

function patternForm(pattern: KeptPattern, rows: number, cols: number, item: number) {
  if (pattern.kept === pattern.of) return []
  const bytes = rows * (keptPerRow(cols, pattern) * item + patternRowBytes(cols, pattern)) + 2 * SHAPE_BYTES
  return [{ form: { kind: 'pattern', pattern } as const, bytes }]
}
