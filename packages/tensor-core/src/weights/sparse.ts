import { dtypes, type TypedArray } from '../dtype.ts'
import type { Tensor } from '../tensor.ts'
import { packBits, unpackBits } from './bit-pack.ts'
import { type DenseWeight, denseWeight } from './dense.ts'
import { denseInputs, emitDense } from './emit-dense.ts'
import { bytesTensor, takeBytes, takeInt, takeObject, takePart, takeShape, unprefixed } from './parts.ts'
import { decodeQuantized, type QuantizedWeight } from './quantized.ts'
import { expand, indexBits, keptOnly, packPattern, unpackPattern } from './sparse-index.ts'
import { denseOf, type Weight, type WeightAttributes } from './weight.ts'

/** Exactly `zeros` of every `of` consecutive inputs of a row are removed: 2:4 is `{ zeros: 2, of: 4 }`. */
export interface Pattern {
  readonly zeros: number
  readonly of: number
}

/** A matrix with removed elements. Only the others are stored, as plain values or as codes. */
export interface Sparse {
  /** 1 = removed, `[out, in]`. */
  readonly removed: Uint8Array
  /** Values of the elements that stay; what it holds at the removed places is not looked at. */
  readonly inner: DenseWeight | QuantizedWeight
  readonly pattern?: Pattern
}

export interface SparseWeight extends Weight {
  readonly kind: 'sparse'
  readonly sparse: Sparse
}

/** @throws TypeError when the mask has another size, or does not follow its pattern */
export function sparseWeight(sparse: Sparse): SparseWeight {
  const { inner, removed, pattern } = sparse
  const [rows, cols] = inner.shape
  if (removed.length !== rows * cols)
    throw new TypeError(
      `sparse weight [${rows}, ${cols}]: expected a mask of ${rows * cols} bytes, got ${removed.length}`,
    )
  if (pattern) checkPattern(removed, cols, pattern)
  const kept = removed.reduce((count, r) => count + (r ? 0 : 1), 0)
  const weight: SparseWeight = {
    kind: 'sparse',
    shape: inner.shape,
    sparse,
    dense: () => denseOf(weight),
    denseRows(start, end, out) {
      inner.denseRows(start, end, out)
      for (let k = 0, at = start * cols; k < out.length; k++, at++) if (removed[at]) out[k] = 0
    },
    parts: () => ({ ...storedIndex(sparse), ...storedValues(sparse) }),
    attributes: () => ({
      rows,
      cols,
      ...(pattern && { zeros: pattern.zeros, of: pattern.of }),
      inner: { kind: inner.kind, ...inner.attributes() },
    }),
    bits: () => {
      const b = inner.bits()
      const each = inner.kind === 'dense' ? dtypes[inner.values.dtype].bytes * 8 : inner.quantized.bits
      return { ...b, values: kept * each, indices: indexBits(rows * cols, pattern) }
    },
    emit: (x, name) => emitDense(weight, x, name),
    inputs: name => denseInputs(weight, name),
  }
  return weight
}

function checkPattern(removed: Uint8Array, cols: number, { zeros, of }: Pattern): void {
  if (cols % of !== 0) throw new TypeError(`pattern ${zeros}:${of}: ${cols} columns are not a multiple of ${of}`)
  for (let k = 0; k < removed.length; k += of) {
    let count = 0
    for (let j = 0; j < of; j++) count += removed[k + j]! ? 1 : 0
    if (count !== zeros)
      throw new TypeError(`pattern ${zeros}:${of}: row ${Math.floor(k / cols)}, column ${k % cols} has ${count} zeros`)
  }
}

const storedIndex = ({ removed, pattern }: Sparse): Record<string, Tensor> =>
  pattern ? { index: bytesTensor(packPattern(removed, pattern)) } : { index: bytesTensor(packBits(removed, 1)) }

function storedValues({ inner, removed }: Sparse): Record<string, Tensor> {
  if (inner.kind === 'dense') {
    const data = keptOnly(inner.values.data, removed)
    return { 'inner.values': { dtype: inner.values.dtype, shape: [data.length], data } }
  }
  const { codes: _, ...rest } = inner.parts()
  const codes = packBits(keptOnly(inner.quantized.codes, removed) as Uint8Array, inner.quantized.bits)
  return {
    'inner.codes': bytesTensor(codes),
    ...Object.fromEntries(Object.entries(rest).map(([name, part]) => [`inner.${name}`, part])),
  }
}

export function decodeSparse(attributes: WeightAttributes, parts: Readonly<Record<string, Tensor>>): Weight {
  const shape = takeShape(attributes)
  const count = shape[0] * shape[1]
  const of = attributes.of === undefined ? undefined : takeInt(attributes, 'of', 2, 256)
  const pattern = of === undefined ? undefined : { zeros: takeInt(attributes, 'zeros', 0, of), of }
  const index = takeBytes(parts, 'index')
  const removed = pattern ? unpackPattern(index, count, pattern) : unpackBits(index, 1, count)
  const inner = decodeInner(takeObject(attributes, 'inner'), unprefixed('inner', parts), removed, shape)
  return sparseWeight({ removed, inner, ...(pattern && { pattern }) })
}

function decodeInner(
  attributes: WeightAttributes,
  parts: Readonly<Record<string, Tensor>>,
  removed: Uint8Array,
  shape: readonly [number, number],
): DenseWeight | QuantizedWeight {
  if (attributes.kind === 'dense') {
    const values = takePart(parts, 'values')
    return denseWeight({ dtype: values.dtype, shape, data: expand(values.data, removed) as TypedArray })
  }
  if (attributes.kind !== 'quantized')
    throw new TypeError(`sparse weight: expected dense or quantized values, got ${JSON.stringify(attributes.kind)}`)
  const bits = takeInt(attributes, 'bits', 1, 8)
  const kept = removed.length - removed.reduce((sum, r) => sum + r, 0)
  const codes = expand(unpackBits(takeBytes(parts, 'codes'), bits, kept), removed) as Uint8Array
  const whole = { ...parts, codes: bytesTensor(packBits(codes, bits)) }
  return decodeQuantized(attributes, whole)
}
