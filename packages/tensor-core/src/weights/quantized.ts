import { toF32 } from '../convert.ts'
import { dtypes } from '../dtype.ts'
import { BENCH_VALUES, groupBench, suitsBench } from '../kernels/group-bench.ts'
import type { Tensor } from '../tensor.ts'
import { checkPacked, packBits, unpackBits } from './bit-pack.ts'
import { bytesTensor, takeBytes, takeInt, takePart, takeShape } from './parts.ts'
import { emitQuantized, quantizedInputs } from './quantized-emit.ts'
import { type BitCount, denseOf, type Weight, type WeightAttributes } from './weight.ts'

/**
 * A matrix on a grid of integers: `w = scale · (code − zeroPoint)`, or `w = scale · code + min`, or with zero points that are no whole
 * numbers, `w = scale · (code − zero)` (HQQ). Difference, product and sum are rounded to f32. Without any of these the grid is symmetric: the zero point is `2^(bits−1)` everywhere and not stored.
 */
export interface Quantized {
  readonly shape: readonly [number, number]
  /** 1 to 8 */
  readonly bits: number
  /** Columns that share a scale; the last group of a row is shorter when it does not divide `in`. */
  readonly groupSize: number
  /** One code a byte, `[out, in]`. */
  readonly codes: Uint8Array
  /** f16, bf16 or f32 `[out, groups]`, or `[1, 1]`: one for the whole matrix. Codes were computed with these values, not finer ones. */
  readonly scales: Tensor
  /** Integer zero points, one a byte, in the shape of `scales`. */
  readonly zeroPoints?: Uint8Array
  /** Float offsets, f16 or f32, in the shape of `scales`. */
  readonly mins?: Tensor
  /** Float zero points, in the shape of `scales`. */
  readonly zeros?: Tensor
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
  if (q.codes.length !== q.shape[0] * q.shape[1])
    throw new TypeError(
      `quantized weight [${q.shape}]: expected ${q.shape[0] * q.shape[1]} codes, got ${q.codes.length}`,
    )
  return weightOf(q, undefined)
}

/**
 * The same with codes as `packBits` gives them, which is how they are stored; one a byte only when somebody asks for them so.
 * @throws TypeError when arrays, shape and grouping disagree, RangeError when the stream has another length
 */
export function packedWeight(q: Omit<Quantized, 'codes'>, packed: Uint8Array): QuantizedWeight {
  const count = q.shape[0] * q.shape[1]
  checkPacked(packed, q.bits, count)
  check(q)
  let codes: Uint8Array | undefined
  const lazy: Quantized = {
    ...q,
    get codes() {
      codes ??= unpackBits(packed, q.bits, count)
      return codes
    },
  }
  return weightOf(lazy, packed)
}

function weightOf(q: Quantized, packed: Uint8Array | undefined): QuantizedWeight {
  const weight: QuantizedWeight = {
    kind: 'quantized',
    shape: q.shape,
    quantized: q,
    dense: () => denseOf(weight),
    denseRows: (start, end, out) => dequantize(q, packed, start, end, out),
    parts: () => parts(q, packed),
    attributes: () => attributes(q),
    bits: () => bits(q),
    emit: (x, name) => emitQuantized(weight, x, name),
    inputs: name => quantizedInputs(weight, name),
  }
  return weight
}

function check(q: Omit<Quantized, 'codes'>): void {
  const [rows, cols] = q.shape
  const groups = groupCount(cols, q.groupSize)
  const fail = (what: string): never => {
    throw new TypeError(`quantized weight [${rows}, ${cols}], ${q.bits} bits, group size ${q.groupSize}: ${what}`)
  }
  if (!(q.bits >= 1 && q.bits <= 8)) fail('expected 1 to 8 bits')
  if (!(q.groupSize >= 1)) fail('expected a group size of at least 1')
  const [r, g] = q.scales.shape
  const perTensor = r === 1 && g === 1
  if (q.scales.shape.length !== 2 || !(perTensor || (r === rows && g === groups)))
    fail(`expected scales [${rows}, ${groups}] or [1, 1], got [${q.scales.shape}]`)
  if ([q.zeroPoints, q.mins, q.zeros].filter(Boolean).length > 1) fail('has two of zero points, mins and zeros')
  const other = q.zeroPoints?.length ?? (q.mins ?? q.zeros ?? q.scales).data.length
  if (other !== q.scales.data.length) fail(`expected ${q.scales.data.length} zero points or mins, got ${other}`)
}

function dequantize(q: Quantized, packed: Uint8Array | undefined, start: number, end: number, out: Float32Array): void {
  const cols = q.shape[1]
  const step = Math.floor(BENCH_VALUES / cols)
  if (q.scales.data.length === 1 || !suitsBench(cols, q.groupSize)) dequantizeAny(q, start, end, out)
  else
    for (let row = start; row < end; row += step)
      dequantizeOnBench(q, packed, row, Math.min(row + step, end), out.subarray((row - start) * cols))
}

function dequantizeOnBench(
  q: Quantized,
  packed: Uint8Array | undefined,
  start: number,
  end: number,
  out: Float32Array,
): void {
  const bench = groupBench()
  const cols = q.shape[1]
  const groups = groupCount(cols, q.groupSize)
  const floats = (t: Tensor) => toF32({ ...t, data: t.data.subarray(start * groups, end * groups) }).data
  const count = (end - start) * cols
  // Rows that suit a bench begin at whole bytes of the stream.
  if (packed) {
    const bytes = packed.subarray((start * cols * q.bits) / 8, (end * cols * q.bits) / 8)
    unpackBits(bytes, q.bits, count, bench.codes)
  } else bench.codes.set(q.codes.subarray(start * cols, end * cols))
  bench.scales.set(floats(q.scales))
  if (q.zeroPoints) bench.zeros.set(q.zeroPoints.subarray(start * groups, end * groups))
  else if (q.zeros) bench.zeros.set(floats(q.zeros))
  else bench.zeros.fill(q.mins ? 0 : 2 ** (q.bits - 1))
  if (q.mins) bench.offsets.set(floats(q.mins))
  else bench.offsets.fill(0)
  bench.expand(count, q.groupSize)
  out.set(bench.values.subarray(0, count))
}

function dequantizeAny(q: Quantized, start: number, end: number, out: Float32Array): void {
  const { codes, groupSize, zeroPoints } = q
  const cols = q.shape[1]
  const groups = groupCount(cols, groupSize)
  const perTensor = q.scales.data.length === 1
  const first = perTensor ? 0 : start * groups
  const last = perTensor ? 1 : end * groups
  const floats = (t: Tensor) => toF32({ ...t, data: t.data.subarray(first, last) }).data
  const scales = floats(q.scales)
  const mins = q.mins && floats(q.mins)
  const zeros = q.zeros ? floats(q.zeros) : zeroPoints?.subarray(first, last)
  const middle = 2 ** (q.bits - 1)
  for (let i = start, g = 0, to = 0; i < end; i++)
    for (let column = 0; column < cols; column += groupSize, g++) {
      const at = perTensor ? 0 : g
      const count = Math.min(groupSize, cols - column)
      if (mins) offsetLevels(codes, i * cols + column, count, scales[at]!, mins[at]!, out, to)
      else levels(codes, i * cols + column, count, scales[at]!, zeros ? zeros[at]! : middle, out, to)
      to += count
    }
}

/** The product is rounded before the minimum is added, as a float32 kernel would do it. */
function offsetLevels(
  codes: Uint8Array,
  from: number,
  count: number,
  scale: number,
  min: number,
  out: Float32Array,
  to: number,
): void {
  for (let k = 0; k < count; k++) out[to + k] = Math.fround(scale * codes[from + k]!) + min
}

function levels(
  codes: Uint8Array,
  from: number,
  count: number,
  scale: number,
  zero: number,
  out: Float32Array,
  to: number,
): void {
  // + 0: a negative scale would make −0 of the middle code.
  for (let k = 0; k < count; k++) out[to + k] = scale * Math.fround(codes[from + k]! - zero) + 0
}

function parts(q: Quantized, packed: Uint8Array | undefined): Record<string, Tensor> {
  return {
    codes: bytesTensor(packed ?? packBits(q.codes, q.bits)),
    scales: q.scales,
    ...(q.zeroPoints && { zeroPoints: bytesTensor(packBits(q.zeroPoints, q.bits)) }),
    ...(q.mins && { mins: q.mins }),
    ...(q.zeros && { zeros: q.zeros }),
  }
}

const zeroKind = (q: Quantized): 'none' | 'integer' | 'min' | 'float' =>
  q.mins ? 'min' : q.zeros ? 'float' : q.zeroPoints ? 'integer' : 'none'

function attributes(q: Quantized): WeightAttributes {
  const [rows, cols] = q.shape
  return { rows, cols, bits: q.bits, groupSize: q.groupSize, zero: zeroKind(q) }
}

function bits(q: Quantized): BitCount {
  const sumBits = (t?: Tensor) => (t ? t.data.length * dtypes[t.dtype].bytes * 8 : 0)
  return {
    values: q.shape[0] * q.shape[1] * q.bits,
    scales: sumBits(q.scales),
    zeroPoints: q.zeroPoints ? q.zeroPoints.length * q.bits : sumBits(q.mins ?? q.zeros),
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
  const packed = takeBytes(stored, 'codes')
  checkPacked(packed, bits, shape[0] * shape[1])
  const base = { shape, bits, groupSize, scales }
  if (attributes.zero === 'min') return packedWeight({ ...base, mins: takePart(stored, 'mins') }, packed)
  if (attributes.zero === 'float') return packedWeight({ ...base, zeros: takePart(stored, 'zeros') }, packed)
  if (attributes.zero !== 'integer') return packedWeight(base, packed)
  const zeroPoints = unpackBits(takeBytes(stored, 'zeroPoints'), bits, scales.data.length)
  return packedWeight({ ...base, zeroPoints }, packed)
}
