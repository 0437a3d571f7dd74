import { input } from '../graph/node.ts'
import { gather } from '../ops/gather.ts'
import type { Tensor, TensorF32 } from '../tensor.ts'
import { prefixed, takeObject, takePart, unprefixed } from './parts.ts'
import { decodeWeight, encodeWeight } from './store.ts'
import type { Weight, WeightAttributes } from './weight.ts'

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
  return {
    kind: 'permuted',
    shape: inner.shape,
    inner,
    order,
    dense: () => unpermute(inner.dense(), order),
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

function unpermute(t: TensorF32, order: Int32Array): TensorF32 {
  const width = order.length
  const data = new Float32Array(t.data.length)
  for (let row = 0; row < t.data.length; row += width)
    for (let k = 0; k < width; k++) data[row + order[k]!] = t.data[row + k]!
  return { dtype: 'f32', shape: t.shape, data }
}

export function decodePermuted(attributes: WeightAttributes, parts: Readonly<Record<string, Tensor>>): Weight {
  const inner = decodeWeight({ attributes: takeObject(attributes, 'inner'), tensors: unprefixed('inner', parts) })
  const order = takePart(parts, 'order', orderBits(inner.shape[1]) === 16 ? 'u16' : 'u32')
  return permutedWeight(inner, Int32Array.from(order.data as Uint16Array | Uint32Array))
}
