import { simdKernels } from './simd.ts'

/** A part of a row-major f64 array: element (r, c) is `data[offset + r·stride + c]`. */
export interface View {
  readonly data: Float64Array
  readonly offset: number
  readonly stride: number
  readonly rows: number
  readonly cols: number
}

/** `C += sign · A op(B)` on views; C must not overlap A or B. */
export interface ProductArgs {
  readonly c: View
  readonly a: View
  readonly b: View
  /** B is stored as [cols, inner]. */
  readonly transB: boolean
  readonly sign: 1 | -1
  /** B is zero above its diagonal: the inner index may start where a column does. */
  readonly lowerB: boolean
  /** What is shared out: quads of rows of C, or of its columns. */
  readonly by: 'rows' | 'cols'
}

/**
 * Inner length of one pass, and rows of A at a time: their product in f64 (256 kB) stays in the second-level cache while
 * B passes by, four columns at a time.
 */
const depth = 256
const height = 128

/** Layout of the kernels' memory, in f64: packed rows of A, four packed columns of B, the tiles of C. */
const bAt = depth * height
const cAt = bAt + depth * 4
const floats = cAt + height * 4

let simd: ReturnType<typeof simdKernels> | undefined

/**
 * Row kernel over quads of rows or columns of C: 4 × 4 results at a time in SIMD registers, from operands packed to fit the
 * cache. Each element is summed in the order of the inner index, in runs of 256, however the work is shared.
 */
export function addProduct(args: ProductArgs, start: number, end: number): void {
  const { a, c, by } = args
  const rows: Range = by === 'rows' ? [start * 4, Math.min(c.rows, end * 4)] : [0, c.rows]
  const cols: Range = by === 'cols' ? [start * 4, Math.min(c.cols, end * 4)] : [0, c.cols]
  for (let k = 0; k < a.cols; k += depth)
    for (let i = rows[0]; i < rows[1]; i += height)
      multiplyBlock(args, [i, Math.min(rows[1], i + height)], cols, [k, Math.min(a.cols, k + depth)])
}

type Range = readonly [start: number, end: number]

function multiplyBlock({ a, b, c, transB, sign, lowerB }: ProductArgs, rows: Range, cols: Range, inner: Range): void {
  simd ??= simdKernels(floats * 8)
  const { kernels, memory } = simd
  const length = inner[1] - inner[0]
  const aBytes = packRows(a, rows, inner, memory)
  for (let j = cols[0]; j < cols[1]; j += 4) {
    if (lowerB && inner[1] <= j) break
    if (transB) packTransposed(b, j, inner, memory)
    else packColumns(b, j, inner, memory)
    kernels.tiles(0, aBytes, bAt * 8, cAt * 8, length * 32)
    addTiles(c, rows, j, sign, memory)
  }
}

/** Four rows side by side, [k, 4] a quad; missing rows are 0. Returns the bytes used. */
function packRows({ data, offset, stride }: View, [i0, i1]: Range, [k0, k1]: Range, to: Float64Array): number {
  let at = 0
  for (let i = i0; i < i1; i += 4, at += (k1 - k0) * 4)
    for (let q = 0; q < 4; q++)
      if (i + q < i1)
        for (let k = k0, p = at + q, from = offset + (i + q) * stride; k < k1; k++, p += 4) to[p] = data[from + k]!
      else for (let k = k0, p = at + q; k < k1; k++, p += 4) to[p] = 0
  return at * 8
}

function packColumns({ data, offset, stride, cols }: View, j: number, [k0, k1]: Range, to: Float64Array): void {
  const count = Math.min(4, cols - j)
  for (let k = k0, p = bAt; k < k1; k++, p += 4) {
    const from = offset + k * stride + j
    for (let q = 0; q < 4; q++) to[p + q] = q < count ? data[from + q]! : 0
  }
}

function packTransposed({ data, offset, stride, rows }: View, j: number, [k0, k1]: Range, to: Float64Array): void {
  for (let q = 0; q < 4; q++)
    if (j + q < rows)
      for (let k = k0, p = bAt + q, from = offset + (j + q) * stride; k < k1; k++, p += 4) to[p] = data[from + k]!
    else for (let k = k0, p = bAt + q; k < k1; k++, p += 4) to[p] = 0
}

function addTiles(
  { data, offset, stride, cols }: View,
  [i0, i1]: Range,
  j: number,
  sign: 1 | -1,
  from: Float64Array,
): void {
  const count = Math.min(4, cols - j)
  for (let i = i0, p = cAt; i < i1; i++, p += 4) {
    const to = offset + i * stride + j
    for (let q = 0; q < count; q++) data[to + q]! += sign * from[p + q]!
  }
}
