import { toF32 } from '../convert.ts'
import { dtypes } from '../dtype.ts'
import type { Tensor, TensorF32 } from '../tensor.ts'
import { packBits, unpackBits } from './bit-pack.ts'
import { bytesTensor, takeBytes, takeInt, takePart, takeShape } from './parts.ts'
import { emitQuantized, quantizedInputs } from './quantized-emit.ts'
import type { BitCount, Weight, WeightAttributes } from './weight.ts'

/**
 * A matrix on a grid of integers: `w = scale · (code − zeroPoint)`, or `w = scale · code + min`.
 * Without zero points and mins the grid is symmetric: the zero point is `2^(bits−1)` everywhere and not stored.
 */
export interface Quantized {
  readonly shape: readonly [number, number]
  /** 1 to 8 */
  readonly bits: number
  /** Columns that share a scale; the last group of a row is shorter when it does not divide `in`. */
  readonly groupSize: number
  /** One code a byte, `[out, in]`. */
  readonly codes: Uint8Array
  /** f16 or f32 `[out, groups]`, or `[1, 1]`: one for the whole matrix. Codes were computed with these values, not finer ones. */
  readonly scales: Tensor
  /** Integer zero points, one a byte, in the shape of `scales`. */
  readonly zeroPoints?: Uint8Array
  /** Float offsets, f16 or f32, in the shape of `scales`. */
  readonly mins?: Tensor
}

export interface QuantizedWeight extends Weight {
  readonly kind: 'quantized'
  readonly quantized: Quantized
}

export const isQuantized = (weight: Weight): weight is QuantizedWeight => weight.kind === 'quantized'

/** Groups in a row. */
export const groupCount = (cols: number, groupSize: number): number => Math.ceil(cols / groupSize)

/** @throws TypeError when arrays, shape and grouping disagree */
export function quantizedWeight(q: Quantized): QuantizedWeight {
  check(q)
  const weight: QuantizedWeight = {
    kind: 'quantized',
    shape: q.shape,
    quantized: q,
    dense: () => dequantize(q),
    parts: () => parts(q),
    attributes: () => attributes(q),
    bits: () => bits(q),
    emit: (x, name) => emitQuantized(weight, x, name),
    inputs: name => quantizedInputs(weight, name),
  }
  return weight
}

function check(q: Quantized): void {
  const [rows, cols] = q.shape
  const groups = groupCount(cols, q.groupSize)
  const fail = (what: string): never => {
    throw new TypeError(`quantized weight [${rows}, ${cols}], ${q.bits} bits, group size ${q.groupSize}: ${what}`)
  }
  if (!(q.bits >= 1 && q.bits <= 8)) fail('expected 1 to 8 bits')
  if (!(q.groupSize >= 1)) fail('expected a group size of at least 1')
  if (q.codes.length !== rows * cols) fail(`expected ${rows * cols} codes, got ${q.codes.length}`)
  const [r, g] = q.scales.shape
  const perTensor = r === 1 && g === 1
  if (q.scales.shape.length !== 2 || !(perTensor || (r === rows && g === groups)))
    fail(`expected scales [${rows}, ${groups}] or [1, 1], got [${q.scales.shape}]`)
  if (q.zeroPoints && q.mins) fail('has both zero points and mins')
  const other = q.zeroPoints?.length ?? q.mins?.data.length ?? q.scales.data.length
  if (other !== q.scales.data.length) fail(`expected ${q.scales.data.length} zero points or mins, got ${other}`)
}

/** Scale, zero and offset of every column group of one row, as inference uses them. */
function dequantize(q: Quantized): TensorF32 {
  const [rows, cols] = q.shape
  const groups = groupCount(cols, q.groupSize)
  const scales = toF32(q.scales).data
  const mins = q.mins ? toF32(q.mins).data : undefined
  const perTensor = scales.length === 1
  const middle = 2 ** (q.bits - 1)
  const out = new Float32Array(rows * cols)
  const { codes, groupSize } = q
  for (let i = 0; i < rows; i++) {
    for (let g = 0; g < groups; g++) {
      const at = perTensor ? 0 : i * groups + g
      const scale = scales[at]!
      const zero = mins ? 0 : q.zeroPoints ? q.zeroPoints[at]! : middle
      const offset = mins ? mins[at]! : 0
      const end = i * cols + Math.min((g + 1) * groupSize, cols)
      // Rounded after each step, as a float32 kernel would do it.
      for (let k = i * cols + g * groupSize; k < end; k++) out[k] = Math.fround(scale * (codes[k]! - zero)) + offset
    }
  }
  return { dtype: 'f32', shape: q.shape, data: out }
}

function parts(q: Quantized): Record<string, Tensor> {
  return {
    codes: bytesTensor(packBits(q.codes, q.bits)),
    scales: q.scales,
    ...(q.zeroPoints && { zeroPoints: bytesTensor(packBits(q.zeroPoints, q.bits)) }),
    ...(q.mins && { mins: q.mins }),
  }
}

const zeroKind = (q: Quantized): 'none' | 'integer' | 'min' => (q.mins ? 'min' : q.zeroPoints ? 'integer' : 'none')

function attributes(q: Quantized): WeightAttributes {
  const [rows, cols] = q.shape
  return { rows, cols, bits: q.bits, groupSize: q.groupSize, zero: zeroKind(q) }
}

function bits(q: Quantized): BitCount {
  const floatBits = (t: Tensor) => t.data.length * dtypes[t.dtype].bytes * 8
  return {
    values: q.codes.length * q.bits,
    scales: floatBits(q.scales),
    zeroPoints: q.mins ? floatBits(q.mins) : (q.zeroPoints?.length ?? 0) * q.bits,
    indices: 0,
  }
}

export function decodeQuantized(
  attributes: WeightAttributes,
  stored: Readonly<Record<string, Tensor>>,
): QuantizedWeight {
  const shape = takeShape(attributes)
  const bits = takeInt(attributes, 'bits', 1, 8)
  const groupSize = takeInt(attributes, 'groupSize', 1, 2 ** 24)
  const scales = takePart(stored, 'scales')
  const codes = unpackBits(takeBytes(stored, 'codes'), bits, shape[0] * shape[1])
  const base = { shape, bits, groupSize, codes, scales }
  if (attributes.zero === 'min') return quantizedWeight({ ...base, mins: takePart(stored, 'mins') })
  if (attributes.zero !== 'integer') return quantizedWeight(base)
  return quantizedWeight({ ...base, zeroPoints: unpackBits(takeBytes(stored, 'zeroPoints'), bits, scales.data.length) })
}
