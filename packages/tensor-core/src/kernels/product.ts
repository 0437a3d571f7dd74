import { aStride, bAt, breadth, bStride, cAt, depth, height, productKernels } from './product-simd.ts'

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
 * Row kernel over quads of rows or columns of C: blocks of the operands are copied to the memory of the SIMD kernels. Each
 * element is summed in the order of the inner index, in runs of 256, however the work is shared.
 */
export function addProduct(args: ProductArgs, start: number, end: number): void {
  const { a, c, by } = args
  const rows: Range = by === 'rows' ? [start * 4, Math.min(c.rows, end * 4)] : [0, c.rows]
  const cols: Range = by === 'cols' ? [start * 4, Math.min(c.cols, end * 4)] : [0, c.cols]
  for (let k = 0; k < a.cols; k += depth) addRun(args, rows, cols, [k, Math.min(a.cols, k + depth)])
}

type Range = readonly [start: number, end: number]

function addRun({ a, b, c, transB, sign, lowerB }: ProductArgs, rows: Range, cols: Range, inner: Range): void {
  const { memory } = productKernels()
  const oneBlock = cols[1] - cols[0] <= breadth
  for (let i = rows[0]; i < rows[1]; i += height) {
    const some: Range = [i, Math.min(rows[1], i + height)]
    copyRows(a, some, inner, memory, 0, aStride)
    for (let j = cols[0]; j < cols[1]; j += breadth) {
      const across: Range = [j, Math.min(cols[1], j + breadth)]
      const skipped = lowerB ? Math.max(0, j - inner[0]) : 0
      if (inner[0] + skipped >= inner[1]) break
      if (oneBlock && i > rows[0]) {
        // B is there already.
      } else if (transB) copyTransposed(b, across, inner, memory)
      else copyRows(b, [inner[0] + skipped, inner[1]], across, memory, bAt + skipped * bStride, bStride)
      addBlock(c, some, across, [skipped, inner[1] - inner[0]], sign)
    }
  }
}

/** C ± A B of the blocks in the kernels' memory. What pads them to quads is whatever was there; it ends in no result. */
function addBlock(c: View, rows: Range, cols: Range, [k0, k1]: Range, sign: 1 | -1): void {
  const { kernels, memory } = productKernels()
  const tiles = sign === 1 ? kernels.plus : kernels.minus
  const width = cols[1] - cols[0]
  copyRows(c, rows, cols, memory, cAt, bStride)
  const aEnd = Math.ceil((rows[1] - rows[0]) / 4) * 4 * aStride
  for (let q = 0; q < width; q += 4) tiles(k0 * 8, aEnd * 8, (bAt + k0 * bStride + q) * 8, (cAt + q) * 8, (k1 - k0) * 8)
  for (let r = rows[0], from = cAt; r < rows[1]; r++, from += bStride)
    c.data.set(memory.subarray(from, from + width), c.offset + r * c.stride + cols[0])
}

function copyRows(view: View, [r0, r1]: Range, [c0, c1]: Range, to: Float64Array, at: number, stride: number): void {
  const { data, offset } = view
  for (let r = r0, p = at; r < r1; r++, p += stride) {
    const from = offset + r * view.stride
    to.set(data.subarray(from + c0, from + c1), p)
  }
}

/** Rows [j0, j1) of a B that is stored as [cols, inner], as columns; four at a time, so that both sides are read in order. */
function copyTransposed({ data, offset, stride }: View, [j0, j1]: Range, [k0, k1]: Range, to: Float64Array): void {
  for (let j = j0; j < j1; j += 4) {
    const count = Math.min(4, j1 - j)
    for (let k = k0, p = bAt + j - j0, from = offset + j * stride + k0; k < k1; k++, p += bStride, from++)
      for (let q = 0; q < count; q++) to[p + q] = data[from + q * stride]!
  }
}
