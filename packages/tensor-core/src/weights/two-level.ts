import { toF32 } from '../convert.ts'
import { f32, type Tensor } from '../tensor.ts'
import { packBits, packedBytes, unpackBits } from './bit-pack.ts'
import { bytesTensor, MAX_DIM, takeBytes, takeInt, takePart, takeShape } from './parts.ts'
import { type QuantizedWeight, quantizedWeight } from './quantized.ts'
import { type BitCount, denseOf, type Weight, type WeightAttributes } from './weight.ts'

/**
 * A matrix on a grid of integers whose scales are codes too, as in ggml's K-quants:
 * `w = superScale · scaleCode · (code − 2^(bits−1))`, or `w = superScale · scaleCode · code − superMin · minCode`.
 */
export interface TwoLevel {
  readonly shape: readonly [number, number]
  /** 1 to 8 */
  readonly bits: number
  /** Columns under one scale code; it divides `superSize`. */
  readonly groupSize: number
  /** Columns under one scale of scales; it divides `in`. */
  readonly superSize: number
  /** One code a byte, `[out, in]`. */
  readonly codes: Uint8Array
  readonly scaleBits: number
  /** `[out, in / groupSize]`, one a byte; the scale is this less `scaleZero`. */
  readonly scaleCodes: Uint8Array
  readonly scaleZero: number
  /** f16 `[out, in / superSize]` */
  readonly superScales: Tensor
  /** With minimums: their codes, of `scaleBits` like those of the scales, and f16 `[out, in / superSize]`. */
  readonly minCodes?: Uint8Array
  readonly superMins?: Tensor
}

export interface TwoLevelWeight extends Weight {
  readonly kind: 'two-level'
  readonly twoLevel: TwoLevel
}

export const isTwoLevel = (weight: Weight): weight is TwoLevelWeight => weight.kind === 'two-level'

/** @throws TypeError when arrays, shape and grouping disagree, or a code does not fit in its bits */
export function twoLevelWeight(twoLevel: TwoLevel): TwoLevelWeight {
  check(twoLevel)
  const [rows, cols] = twoLevel.shape
  // Products of an f16 and a code are exact in f32, so that nothing differs from the two-level arithmetic.
  let flat: QuantizedWeight | undefined
  const flattened = () => {
    flat ??= quantizedWeight(flatten(twoLevel))
    return flat
  }
  const weight: TwoLevelWeight = {
    kind: 'two-level',
    shape: [rows, cols],
    twoLevel,
    dense: () => denseOf(weight),
    denseRows: (start, end, out) => flattened().denseRows(start, end, out),
    parts: () => parts(twoLevel),
    attributes: () => attributes(twoLevel),
    bits: () => bits(twoLevel),
    emit: (x, name) => flattened().emit(x, name),
    inputs: name => flattened().inputs(name),
  }
  return weight
}

function flatten({ shape, bits, groupSize, superSize, codes, scaleZero, scaleCodes, ...q }: TwoLevel) {
  const perSuper = superSize / groupSize
  const products = (codes: Uint8Array, zero: number, sign: number, by: Tensor): Tensor => {
    const factors = toF32(by).data
    // + 0: a code of 0 under a sign would be −0.
    const values = Float32Array.from(codes, (code, g) => sign * factors[Math.floor(g / perSuper)]! * (code - zero) + 0)
    return f32([shape[0], shape[1] / groupSize], values)
  }
  return {
    shape,
    bits,
    groupSize,
    codes,
    scales: products(scaleCodes, scaleZero, 1, q.superScales),
    ...(q.minCodes && q.superMins && { mins: products(q.minCodes, 0, -1, q.superMins) }),
  }
}

function check(q: TwoLevel): void {
  const { shape, bits, groupSize, superSize, codes, scaleBits, scaleCodes, superScales, minCodes, superMins } = q
  const [rows, cols] = shape
  const fail = (what: string): never => {
    throw new TypeError(`two-level weight [${rows}, ${cols}], groups of ${groupSize} in ${superSize}: ${what}`)
  }
  if (!(bits >= 1 && bits <= 8 && scaleBits >= 1 && scaleBits <= 8)) fail('expected codes of 1 to 8 bits')
  if (superSize % groupSize !== 0 || cols % superSize !== 0)
    fail('expected groups that fill super-blocks that fill the rows')
  const groups = (rows * cols) / groupSize
  const supers = (rows * cols) / superSize
  const expect = (what: string, expected: number, got: number) => {
    if (got !== expected) fail(`expected ${expected} ${what}, got ${got}`)
  }
  expect('codes', rows * cols, codes.length)
  expect('scale codes', groups, scaleCodes.length)
  expect('scales of scales', supers, superScales.data.length)
  if ((minCodes === undefined) !== (superMins === undefined))
    fail('expected both codes and scales of minimums, or none')
  expect('codes of minimums', groups, minCodes?.length ?? groups)
  expect('scales of minimums', supers, superMins?.data.length ?? supers)
  if (superScales.dtype !== 'f16' || (superMins && superMins.dtype !== 'f16')) fail('expected scales of scales in f16')
  const tooLarge = [scaleCodes, minCodes].some(some => some?.some(code => code >= 2 ** scaleBits))
  if (tooLarge || codes.some(code => code >= 2 ** bits)) fail('a code is too large for its bits')
}

function parts(q: TwoLevel): Record<string, Tensor> {
  return {
    codes: bytesTensor(packBits(q.codes, q.bits)),
    scaleCodes: bytesTensor(packBits(q.scaleCodes, q.scaleBits)),
    superScales: q.superScales,
    ...(q.minCodes &&
      q.superMins && { minCodes: bytesTensor(packBits(q.minCodes, q.scaleBits)), superMins: q.superMins }),
  }
}

function attributes({
  shape: [rows, cols],
  bits,
  groupSize,
  superSize,
  scaleBits,
  scaleZero,
  ...q
}: TwoLevel): WeightAttributes {
  return { rows, cols, bits, groupSize, superSize, scaleBits, scaleZero, mins: q.minCodes !== undefined }
}

function bits({ shape, bits, scaleBits, scaleCodes, superScales, minCodes, superMins }: TwoLevel): BitCount {
  return {
    values: shape[0] * shape[1] * bits,
    scales: scaleCodes.length * scaleBits + superScales.data.length * 16,
    zeroPoints: (minCodes?.length ?? 0) * scaleBits + (superMins?.data.length ?? 0) * 16,
    indices: 0,
  }
}

export function decodeTwoLevel(attributes: WeightAttributes, stored: Readonly<Record<string, Tensor>>): TwoLevelWeight {
  const shape = takeShape(attributes)
  const [bits, scaleBits] = [takeInt(attributes, 'bits', 1, 8), takeInt(attributes, 'scaleBits', 1, 8)]
  const groupSize = takeInt(attributes, 'groupSize', 1, MAX_DIM)
  const unpacked = (name: string, bits: number, count: number) => {
    const packed = takeBytes(stored, name)
    if (packed.length !== packedBytes(count, bits))
      throw new TypeError(`weight part "${name}": expected ${packedBytes(count, bits)} bytes, got ${packed.length}`)
    return unpackBits(packed, bits, count)
  }
  const groups = (shape[0] * shape[1]) / groupSize
  return twoLevelWeight({
    shape,
    bits,
    groupSize,
    superSize: takeInt(attributes, 'superSize', 1, MAX_DIM),
    codes: unpacked('codes', bits, shape[0] * shape[1]),
    scaleBits,
    scaleCodes: unpacked('scaleCodes', scaleBits, groups),
    scaleZero: takeInt(attributes, 'scaleZero', 0, 255),
    superScales: takePart(stored, 'superScales', 'f16'),
    ...(attributes.mins === true && {
      minCodes: unpacked('minCodes', scaleBits, groups),
      superMins: takePart(stored, 'superMins', 'f16'),
    }),
  })
}
