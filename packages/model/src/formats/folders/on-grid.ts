import {
  castTo,
  type DType,
  groupCount,
  isQuantized,
  type PermutedWeight,
  permutedWeight,
  type Quantized,
  type QuantizedWeight,
  quantizedWeight,
  type SparseWeight,
  type Tensor,
  toF32,
  type Weight,
} from '@sinter/tensor-core'

/** A matrix of whole numbers with scales, as all these folders hold them. */
export interface OnGrid {
  readonly q: Quantized
  /** Column k of `q` is column `order[k]` of the matrix. */
  readonly order?: Int32Array
}

/** The codes and scales of a matrix; undefined when it has none. Removed elements get the code of 0. */
export function onGrid(weight: Weight): OnGrid | undefined {
  if (isQuantized(weight)) return { q: weight.quantized }
  if (weight.kind === 'permuted') {
    const { inner, order } = weight as PermutedWeight
    return isQuantized(inner) ? { q: inner.quantized, order } : undefined
  }
  if (weight.kind !== 'sparse') return undefined
  const { inner, removed } = (weight as SparseWeight).sparse
  // Float offsets need not have a code for 0.
  return inner.kind === 'quantized' && !(inner.quantized.mins ?? inner.quantized.zeros)
    ? { q: withZeros(inner.quantized, removed) }
    : undefined
}

function withZeros(q: Quantized, removed: Uint8Array): Quantized {
  const zeros = zerosOf(q)
  const [, cols] = q.shape
  const groups = groupCount(cols, q.groupSize)
  const codes = q.codes.map((code, k) => {
    if (!removed[k]) return code
    const column = k % cols
    return zeros[zeros.length === 1 ? 0 : Math.floor(k / cols) * groups + Math.floor(column / q.groupSize)]!
  })
  return { ...q, codes }
}

/** The zero points of all groups, those that are not stored too. */
const zerosOf = (q: Quantized): Uint8Array =>
  q.zeroPoints ?? new Uint8Array(q.scales.data.length).fill(2 ** (q.bits - 1))

/** Columns that share a scale; −1 for whole rows, as the configs of these folders spell it. */
export const groupSizeOf = ({ shape: [, cols], groupSize }: Quantized): number => (groupSize >= cols ? -1 : groupSize)

/** The same with scales and zero points for every row, also where one of each serves the matrix. */
export function perRow(q: Quantized): Quantized & { readonly scales: Tensor; readonly zeroPoints: Uint8Array } {
  const [rows, cols] = q.shape
  const shape = [rows, groupCount(cols, q.groupSize)]
  const zeroPoints = zerosOf(q)
  const count = shape[0]! * shape[1]!
  if (q.scales.data.length === count) return { ...q, zeroPoints }
  const data = q.scales.data.slice(0, 0)
  const repeated = new (data.constructor as Float32ArrayConstructor)(count).fill(q.scales.data[0] as number)
  return {
    ...q,
    scales: { ...q.scales, shape, data: repeated },
    zeroPoints: new Uint8Array(count).fill(zeroPoints[0]!),
  }
}

/** What a format holds. */
export interface GridLimits {
  readonly bits: readonly number[]
  /** Types that scales may have. */
  readonly scales: readonly DType[]
  readonly order: boolean
  /** Whether zero points may be any floats. */
  readonly floatZeros?: boolean
}

/** Why a format with these limits cannot hold the matrix; undefined when it can. */
export function gridProblem(weight: Weight, limits: GridLimits): string | undefined {
  const found = onGrid(weight)
  if (!found) return `it is ${weight.kind}, and the format holds whole numbers with scales`
  const { q, order } = found
  if (q.mins) return 'its groups have a float minimum, and the format holds whole zero points (zero: integer)'
  if (q.zeros && !limits.floatZeros) return 'its zero points are floats, and the format holds whole ones'
  if (!limits.bits.includes(q.bits))
    return `its codes have ${q.bits} bits, and the format holds ${limits.bits.join(', ')}`
  if (order && !limits.order) return 'its groups are not neighbouring columns (use groups: static)'
  if (!limits.scales.some(dtype => exactIn(q.scales, dtype)))
    return `its scales are ${q.scales.dtype}, and the format holds ${limits.scales.join(', ')} (scaleDType)`
  if (q.shape[1] % q.groupSize !== 0 && q.groupSize < q.shape[1])
    return `groups of ${q.groupSize} do not divide its ${q.shape[1]} columns`
  return undefined
}

/** Whether all values are the same in another float type: bf16 has fewer digits than f16, and most scales are in its range. */
function exactIn(values: Tensor, dtype: DType): boolean {
  if (values.dtype === dtype) return true
  const { data } = toF32(values)
  return toF32(castTo(values, dtype)).data.every((value, k) => value === data[k])
}

/** A matrix from what was read: zero points that are all in the middle make it symmetric. */
export function gridWeight(
  q: Omit<Quantized, 'zeroPoints' | 'mins' | 'zeros'>,
  zeroPoints: Uint8Array | undefined,
  order?: Int32Array,
): QuantizedWeight | PermutedWeight {
  const middle = 2 ** (q.bits - 1)
  const asymmetric = zeroPoints?.some(zero => zero !== middle)
  const weight = quantizedWeight(zeroPoints && asymmetric ? { ...q, zeroPoints } : q)
  return order ? permutedWeight(weight, order) : weight
}

/** Columns in the order of their groups; undefined when they are in that order already. Groups may have any columns, but as many each. */
export function orderOfGroups(groupOf: ArrayLike<number>, groupSize: number): Int32Array | undefined {
  const order = Int32Array.from({ length: groupOf.length }, (_, column) => column)
  if (order.every(column => groupOf[column] === Math.floor(column / groupSize))) return undefined
  return order.sort((a, b) => groupOf[a]! - groupOf[b]! || a - b)
}

/** Whether every group has its share of columns once they are in order. */
export const fullGroups = (groupOf: ArrayLike<number>, order: Int32Array, groupSize: number): boolean =>
  order.every((column, k) => groupOf[column] === Math.floor(k / groupSize))

/** The group of every column: the inverse of `orderOfGroups`. */
export function groupIndex({ shape: [, cols], groupSize }: Quantized, order?: Int32Array): Tensor {
  const data = new Int32Array(cols)
  for (let k = 0; k < cols; k++) data[order ? order[k]! : k] = Math.floor(k / groupSize)
  return { dtype: 'i32', shape: [cols], data }
}

/** Codes with their columns where the matrix has them. */
export function codesInPlace({ q, order }: OnGrid): Uint8Array {
  if (!order) return q.codes
  const out = new Uint8Array(q.codes.length)
  const width = order.length
  for (let row = 0; row < out.length; row += width)
    for (let k = 0; k < width; k++) out[row + order[k]!] = q.codes[row + k]!
  return out
}

/** The inverse of `codesInPlace`. */
export function codesInOrder(codes: Uint8Array, order: Int32Array | undefined): Uint8Array {
  if (!order) return codes
  const out = new Uint8Array(codes.length)
  const width = order.length
  for (let row = 0; row < out.length; row += width)
    for (let k = 0; k < width; k++) out[row + k] = codes[row + order[k]!]!
  return out
}
