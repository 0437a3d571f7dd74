import { input } from '../graph/node.ts'
import { gather } from '../ops/gather.ts'
import type { Tensor } from '../tensor.ts'
import { prefixed, takeObject, takePart, unprefixed } from './parts.ts'
import { decodeWeight, encodeWeight } from './store.ts'
import { denseOf, type Weight, type WeightAttributes } from './weight.ts'

/**
 * A matrix whose columns are kept in another order: column `k` of `inner` is column `order[k]` of the whole.
 * Groups of columns that are not neighbours (GPTQ's act-order with dynamic groups, "g_idx") are this around `quantized`.
 */
export interface PermutedWeight extends Weight {
  readonly kind: 'permuted'
  readonly inner: Weight
  readonly order: Int32Array
}

/** @throws TypeError when `order` is not a permutation of the columns */
export function permutedWeight(inner: Weight, order: Int32Array): PermutedWeight {
  const width = inner.shape[1]
  checkOrder(order, width)
  const weight: PermutedWeight = {
    kind: 'permuted',
    shape: inner.shape,
    inner,
    order,
    dense: () => denseOf(weight),
    denseRows(start, end, out) {
      inner.denseRows(start, end, out)
      unpermute(out, order)
    },
    parts: () => ({ order: storedOrder(order), ...prefixed('inner', encodeWeight(inner).tensors) }),
    attributes: () => ({ inner: encodeWeight(inner).attributes }),
    bits: () => {
      const b = inner.bits()
      return { ...b, indices: b.indices + orderBits(width) * width }
    },
    emit: (x, name) =>
      inner.emit(gather(x, input(`${name}.order`, 'i32', [width]), x.shape.length - 1), `${name}.inner`),
    inputs: name => ({
      [`${name}.order`]: { dtype: 'i32', shape: [width], data: order },
      ...inner.inputs(`${name}.inner`),
    }),
  }
  return weight
}

function checkOrder(order: Int32Array, width: number): void {
  const seen = new Uint8Array(width)
  for (const column of order) {
    if (column < 0 || column >= width || seen[column])
      throw new TypeError(`column order: expected every column from 0 to ${width - 1} once; ${column} does not fit`)
    seen[column] = 1
  }
  if (order.length !== width) throw new TypeError(`column order: expected ${width} columns, got ${order.length}`)
}

/** Stored bits of one entry of a column order of this length. */
export const orderBits = (width: number): number => (width <= 65536 ? 16 : 32)

const storedOrder = (order: Int32Array): Tensor =>
  orderBits(order.length) === 16
    ? { dtype: 'u16', shape: [order.length], data: Uint16Array.from(order) }
    : { dtype: 'u32', shape: [order.length], data: Uint32Array.from(order) }

function unpermute(data: Float32Array, order: Int32Array): void {
  const width = order.length
  const row = new Float32Array(width)
  for (let start = 0; start < data.length; start += width) {
    row.set(data.subarray(start, start + width))
    for (let k = 0; k < width; k++) data[start + order[k]!] = row[k]!
  }
}

export function decodePermuted(attributes: WeightAttributes, parts: Readonly<Record<string, Tensor>>): Weight {
  const inner = decodeWeight({ attributes: takeObject(attributes, 'inner'), tensors: unprefixed('inner', parts) })
  const order = takePart(parts, 'order', orderBits(inner.shape[1]) === 16 ? 'u16' : 'u32')
  return permutedWeight(inner, Int32Array.from(order.data as Uint16Array | Uint32Array))
}
