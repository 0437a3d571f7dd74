import { f32, type TensorF32 } from '@sinter/tensor-core'
import { FormatError } from './format-error.ts'
import type { GgufFamily } from './gguf-family/family.ts'
import { nameInBlock } from './gguf-names.ts'
import { turned } from './transposed.ts'

/** How a stored tensor differs between Hugging Face and GGUF. Without any of it the two are the same. */
export interface GgufLayout {
  /** The Hugging Face tensor is [in, out]. */
  readonly transpose: boolean
  /** Row r of the GGUF tensor is row `rowOrder[r]` of the Hugging Face tensor (after transposing). */
  readonly rowOrder?: Int32Array
  /** Added to every value on the way to GGUF. */
  readonly add: 0 | 1
}

export interface HeadShape {
  readonly heads: number
  readonly kvHeads: number
  readonly headDim: number
}

/**
 * What has to be done to a Hugging Face tensor of a family.
 * @param rows that the tensor has: the heads of a file that nobody vouches for are held against them before memory is taken
 * @throws FormatError `size` when the heads have another number of rows
 */
export function ggufLayout(family: GgufFamily, hfName: string, heads: HeadShape, rows?: number): GgufLayout {
  const inside = nameInBlock(family, hfName)
  const isMatrix = hfName.endsWith('.weight')
  const rowOrder = inside === undefined ? undefined : rowOrderOf(family, inside, heads, rows)
  return {
    transpose: isMatrix && inside !== undefined && family.transposed.includes(inside),
    add: family.normOffset === 1 && hfName.endsWith('norm.weight') ? 1 : 0,
    ...(rowOrder && { rowOrder }),
  }
}

function rowOrderOf(
  family: GgufFamily,
  inside: string,
  { heads, kvHeads, headDim }: HeadShape,
  rows?: number,
): Int32Array | undefined {
  const checked = (count: number): number => {
    if (!Number.isInteger(headDim) || headDim <= 0)
      throw new FormatError('schema', `${inside}: heads of ${headDim} channels; expected a whole number`)
    if (rows === undefined || count === rows) return count
    throw new FormatError('size', `${inside}: the heads in the config have ${count} rows, but the tensor has ${rows}`)
  }
  if (family.interleavedRope && inside === 'self_attn.q_proj')
    return interleaveHalves(checked(heads * headDim), headDim)
  if (family.interleavedRope && inside === 'self_attn.k_proj')
    return interleaveHalves(checked(kvHeads * headDim), headDim)
  if (family.headwiseQkv && inside === 'attention.query_key_value')
    return gatherQkv(checked(3 * heads * headDim), headDim)
  return undefined
}

/** Within each head, i and i + d/2 become neighbours: the pairs that llama.cpp's NORM rope turns. */
function interleaveHalves(rows: number, headDim: number): Int32Array {
  const order = new Int32Array(rows)
  for (let first = 0; first < rows; first += headDim)
    for (let j = 0; j < headDim / 2; j++) {
      order[first + 2 * j] = first + j
      order[first + 2 * j + 1] = first + headDim / 2 + j
    }
  return order
}

/** [heads, (q k v), d] becomes [(q k v), heads, d]. */
function gatherQkv(rows: number, headDim: number): Int32Array {
  const order = new Int32Array(rows)
  const heads = rows / (3 * headDim)
  let at = 0
  for (let part = 0; part < 3; part++)
    for (let h = 0; h < heads; h++) for (let d = 0; d < headDim; d++) order[at++] = (h * 3 + part) * headDim + d
  return order
}

/** Whether both formats store the tensor the same way. */
export const isPlainLayout = ({ transpose, rowOrder, add }: GgufLayout): boolean => !transpose && !rowOrder && add === 0

/** The shape in GGUF, `[out, in]`, of a Hugging Face tensor. */
export const ggufShape = (layout: GgufLayout, shape: readonly number[]): readonly number[] =>
  layout.transpose ? shape.toReversed() : shape

/** Hugging Face → GGUF. @throws RangeError when the rows are not those of the heads */
export function toGgufLayout(layout: GgufLayout, t: TensorF32): TensorF32 {
  let out = layout.transpose ? turned(t) : t
  if (layout.rowOrder) out = gatherRows(out, layout.rowOrder)
  return layout.add
    ? f32(
        out.shape,
        out.data.map(v => v + 1),
      )
    : out
}

/** GGUF → Hugging Face. @throws RangeError when the rows are not those of the heads */
export function fromGgufLayout(layout: GgufLayout, t: TensorF32): TensorF32 {
  let out = layout.add
    ? f32(
        t.shape,
        t.data.map(v => v - 1),
      )
    : t
  if (layout.rowOrder) out = gatherRows(out, inverse(layout.rowOrder))
  return layout.transpose ? turned(out) : out
}

/** Rows in another order; the same for codes and scales, whose rows go with the weight's. */
export function gatherRows(t: TensorF32, order: Int32Array): TensorF32 {
  const rows = t.shape[0] ?? 0
  if (rows !== order.length)
    throw new RangeError(`the heads in the config have ${order.length} rows, but the tensor is [${t.shape}]`)
  const width = t.data.length / rows
  const out = new Float32Array(t.data.length)
  order.forEach((from, to) => {
    out.set(t.data.subarray(from * width, (from + 1) * width), to * width)
  })
  return f32(t.shape, out)
}

function inverse(order: Int32Array): Int32Array {
  const out = new Int32Array(order.length)
  order.forEach((from, to) => {
    out[from] = to
  })
  return out
}
