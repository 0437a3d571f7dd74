import { toF32 } from '../convert.ts'
import { dtypes } from '../dtype.ts'
import { decodeTable } from '../float8.ts'
import type { Tensor } from '../tensor.ts'
import { checkPacked, unpackBits } from './bit-pack.ts'
import { denseInputs, emitDense } from './emit-dense.ts'
import { bytesTensor, MAX_DIM, takeBytes, takeInt, takePart, takeShape } from './parts.ts'
import { type BitCount, denseOf, type Weight, type WeightAttributes } from './weight.ts'

/** Small floats that weights are rounded to: E2M1 is the 4-bit float of the OCP (largest 6), the others have a byte. */
export type GridElement = 'e2m1' | 'e4m3' | 'e5m2'

/**
 * A matrix of small floats whose blocks share a scale: `w = level(code) · scale`, or `level(code) · (scale / globalScale)`, quotient
 * and product rounded to f32. FP8 with a scale for a row, a matrix or a tile, NVFP4, and the MX formats of the OCP are such.
 */
export interface FloatGrid {
  readonly shape: readonly [number, number]
  readonly element: GridElement
  /** Rows and columns that share a scale: `[1, 16]`, `[128, 128]`, `[1, in]`, `[out, in]`. The last ones may be smaller. */
  readonly block: readonly [number, number]
  /** A byte each, or for E2M1 as `packBits` gives them: two a byte, the first in the low half. Row after row. */
  readonly codes: Uint8Array
  /** `[⌈out/block⌉, ⌈in/block⌉]`, any float; u8 stands for powers of two, `2^(e − 127)` (E8M0). */
  readonly scales: Tensor
  /** f32, divides every scale (NVFP4). */
  readonly globalScale?: number
}

export interface FloatGridWeight extends Weight {
  readonly kind: 'float'
  readonly grid: FloatGrid
}

export const isFloatGrid = (weight: Weight): weight is FloatGridWeight => weight.kind === 'float'

/** Values of the codes 0 … 7; 8 … 15 are the same with a minus. */
const e2m1 = [0, 0.5, 1, 1.5, 2, 3, 4, 6]
const e2m1Levels = Float32Array.of(...e2m1, ...e2m1.map(x => -x))

export const elementBits = (element: GridElement): number => (element === 'e2m1' ? 4 : 8)

/** The value of every code of an element. */
export const elementLevels = (element: GridElement): Float32Array =>
  element === 'e2m1' ? e2m1Levels : decodeTable(element === 'e4m3' ? 'f8e4m3' : 'f8e5m2')

/** Scales as numbers, those of E8M0 too, divided by the global one. */
export function gridScales({ scales, globalScale }: Pick<FloatGrid, 'scales' | 'globalScale'>): Float32Array {
  const values = scales.dtype === 'u8' ? Float32Array.from(scales.data as Uint8Array, powerOfTwo) : toF32(scales).data
  return globalScale === undefined ? values : values.map(scale => scale / globalScale)
}

/** 255 is not a number. */
const powerOfTwo = (exponent: number): number => (exponent === 255 ? Number.NaN : 2 ** (exponent - 127))

/** @throws TypeError when arrays, shape and block disagree, RangeError when there are too few or too many codes */
export function floatGridWeight(grid: FloatGrid): FloatGridWeight {
  check(grid)
  const { shape, element, block, codes, scales, globalScale } = grid
  const [rows, cols] = shape
  let values: Float32Array | undefined
  const weight: FloatGridWeight = {
    kind: 'float',
    shape,
    grid,
    dense: () => denseOf(weight),
    denseRows: (start, end, out) => {
      values ??= gridScales(grid)
      decode(grid, values, start, end, out)
    },
    parts: () => ({
      codes: bytesTensor(codes),
      scales,
      ...(globalScale !== undefined && {
        globalScale: { dtype: 'f32', shape: [1], data: Float32Array.of(globalScale) },
      }),
    }),
    attributes: () => ({ rows, cols, element, blockRows: block[0], blockCols: block[1] }),
    bits: (): BitCount => ({
      values: rows * cols * elementBits(element),
      scales: scales.data.length * dtypes[scales.dtype].bytes * 8 + (globalScale === undefined ? 0 : 32),
      zeroPoints: 0,
      indices: 0,
    }),
    emit: (x, name) => emitDense(weight, x, name),
    inputs: name => denseInputs(weight, name),
  }
  return weight
}

function check({ shape: [rows, cols], element, block, codes, scales, globalScale }: FloatGrid): void {
  const fail = (what: string): never => {
    throw new TypeError(`float weight [${rows}, ${cols}], ${element}, blocks of [${block}]: ${what}`)
  }
  checkPacked(codes, elementBits(element), rows * cols)
  if (!block.every(side => Number.isInteger(side) && side >= 1)) fail('expected blocks of at least 1')
  const grid = [Math.ceil(rows / block[0]), Math.ceil(cols / block[1])]
  if (scales.shape.join() !== grid.join()) fail(`expected scales [${grid}], got [${scales.shape}]`)
  if (scales.dtype !== 'u8' && !/^b?f/.test(scales.dtype))
    fail(`expected scales in floats, or in u8 as powers of two, got ${scales.dtype}`)
  if (
    globalScale !== undefined &&
    !(Number.isFinite(globalScale) && Math.fround(globalScale) === globalScale && globalScale !== 0)
  )
    fail(`expected a global scale that f32 holds, not 0, got ${globalScale}`)
}

function decode(
  { shape: [, cols], element, block: [tall, wide], codes }: FloatGrid,
  scales: Float32Array,
  start: number,
  end: number,
  out: Float32Array,
): void {
  const levels = elementLevels(element)
  const across = Math.ceil(cols / wide)
  const row = new Uint8Array(cols)
  for (let i = start, to = 0; i < end; i++) {
    rowCodes(codes, element, i, cols, row)
    const first = Math.floor(i / tall) * across
    for (let column = 0; column < cols; column++, to++)
      out[to] = levels[row[column]!]! * scales[first + Math.floor(column / wide)]!
  }
}

function rowCodes(codes: Uint8Array, element: GridElement, row: number, cols: number, out: Uint8Array): void {
  const from = row * cols
  if (element !== 'e2m1') out.set(codes.subarray(from, from + cols))
  else if (cols % 2 === 0) unpackBits(codes.subarray(from / 2, (from + cols) / 2), 4, cols, out)
  else for (let k = 0; k < cols; k++) out[k] = (codes[(from + k) >> 1]! >>> (4 * ((from + k) & 1))) & 15
}

export function decodeFloatGrid(
  attributes: WeightAttributes,
  parts: Readonly<Record<string, Tensor>>,
): FloatGridWeight {
  const { element } = attributes
  if (element !== 'e2m1' && element !== 'e4m3' && element !== 'e5m2')
    throw new TypeError(`weight attribute "element": expected e2m1, e4m3 or e5m2, got ${JSON.stringify(element)}`)
  return floatGridWeight({
    shape: takeShape(attributes),
    element,
    block: [takeInt(attributes, 'blockRows', 1, MAX_DIM), takeInt(attributes, 'blockCols', 1, MAX_DIM)],
    codes: takeBytes(parts, 'codes'),
    scales: takePart(parts, 'scales'),
    ...(parts.globalScale && { globalScale: takePart(parts, 'globalScale', 'f32').data[0] as number }),
  })
}
