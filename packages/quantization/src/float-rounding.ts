import {
  castTo,
  encodeF8E4M3,
  type FloatGridWeight,
  floatGridWeight,
  packBits,
  type Tensor,
  type TensorF32,
  toF32,
} from '@sinter/tensor-core'

/** Largest E4M3 and E2M1. */
const LARGEST = { e4m3: 448, e2m1: 6 } as const

/** A scale that stands for zeros, whatever their codes: E4M3's epsilon, as compressed-tensors has it. */
const ZERO_SCALE = 0.125

type Matrix = readonly [number, number]

/** Where values of a matrix share a scale. */
interface Blocks {
  readonly block: Matrix
  /** Blocks down and across. */
  readonly grid: Matrix
}

const blocksOf = ([rows, cols]: Matrix, [tall, wide]: Matrix): Blocks => ({
  block: [tall, wide],
  grid: [Math.ceil(rows / tall), Math.ceil(cols / wide)],
})

/** Largest |w| of every block. */
function largest({ shape, data }: TensorF32, { block, grid }: Blocks): Float32Array {
  const [rows, cols] = shape as [number, number]
  const out = new Float32Array(grid[0] * grid[1])
  for (let i = 0, k = 0; i < rows; i++) {
    const row = Math.floor(i / block[0]) * grid[1]
    for (let j = 0; j < cols; j++, k++) {
      const at = row + Math.floor(j / block[1])
      const size = Math.abs(data[k]!)
      if (size > out[at]!) out[at] = size
    }
  }
  return out
}

/** Values divided by the scales of their blocks, f32. */
function divided({ shape, data }: TensorF32, scales: Float32Array, { block, grid }: Blocks): Float32Array {
  const [rows, cols] = shape as [number, number]
  const out = new Float32Array(data.length)
  for (let i = 0, k = 0; i < rows; i++) {
    const row = Math.floor(i / block[0]) * grid[1]
    for (let j = 0; j < cols; j++, k++) out[k] = data[k]! / scales[row + Math.floor(j / block[1])]!
  }
  return out
}

/** Middles between the values of E2M1, which belong to the even code. */
const middles = [0.25, 0.75, 1.25, 1.75, 2.5, 3.5, 5] as const

/** E2M1 codes: halves to even, ends clamped; what a negative number rounds to is never +0. */
export function encodeE2M1(source: Float32Array): Uint8Array {
  const out = new Uint8Array(source.length)
  for (let k = 0; k < source.length; k++) {
    const value = source[k]!
    const size = Math.abs(value)
    let code = 0
    // A middle below an odd code is not passed by a number that lies on it.
    while (code < 7 && (size > middles[code]! || (size === middles[code] && code % 2 === 1))) code++
    out[k] = value < 0 ? code | 8 : code
  }
  return out
}

export interface Fp8Options {
  /** What shares a scale: a row, the matrix, or a tile of 128 × 128. */
  readonly scales: 'row' | 'matrix' | 'tile'
  readonly scaleDType: 'f16' | 'bf16' | 'f32'
}

const TILE = 128

/** FP8 (arXiv:2209.05433), E4M3: the largest |w| of what shares a scale becomes 448. @param weight f32 `[out, in]`, finite */
export function fp8(weight: TensorF32, options: Partial<Fp8Options> = {}): FloatGridWeight {
  const { scales: unit, scaleDType } = { ...fp8Defaults, ...options }
  const [rows, cols] = weight.shape as [number, number]
  const tile: Matrix = [TILE, TILE]
  const block: Matrix =
    unit === 'row' ? [1, Math.max(1, cols)] : unit === 'matrix' ? [Math.max(1, rows), Math.max(1, cols)] : tile
  const blocks = blocksOf([rows, cols], block)
  const exact = largest(weight, blocks).map(size => size / LARGEST.e4m3)
  const scales = storedScales(exact, scaleDType, blocks.grid)
  const codes = encodeF8E4M3(divided(weight, toF32(scales).data, blocks))
  return floatGridWeight({ shape: [rows, cols], element: 'e4m3', block, codes, scales })
}

export const fp8Defaults: Fp8Options = { scales: 'row', scaleDType: 'f32' }

/** The least of each type that is not 0: weights are divided by it. */
const tiniest = { f16: 2 ** -24, bf16: 2 ** -133, f32: 2 ** -149 } as const

function storedScales(exact: Float32Array, dtype: 'f16' | 'bf16' | 'f32', shape: Matrix): Tensor {
  const stored = castTo({ dtype: 'f32', shape, data: exact }, dtype)
  const values = toF32(stored).data
  const largestHalf = 65504
  const good = values.map((scale, k) =>
    exact[k] === 0 ? epsilon : scale === 0 ? tiniest[dtype] : dtype === 'f16' ? Math.min(scale, largestHalf) : scale,
  )
  return castTo({ dtype: 'f32', shape, data: good }, dtype)
}

/** Of f32: the scale of blocks of zeros, as compressed-tensors has it. */
const epsilon = 2 ** -23

/**
 * NVFP4: E2M1 in blocks of 16 columns, whose scales are E4M3 times a scale of the whole matrix, so that the largest |w| becomes
 * 6 · 448.
 * @param globalScale that of matrices which are read as one (q, k and v, gate and up); default: the matrix' own
 * @param weight f32 `[out, in]`, finite
 */
export function nvfp4(weight: TensorF32, globalScale: number = nvfp4Scale([weight])): FloatGridWeight {
  const [rows, cols] = weight.shape as [number, number]
  const blocks = blocksOf([rows, cols], [1, 16])
  const { fround } = Math
  const wanted = largest(weight, blocks).map(size => globalScale * fround(size / LARGEST.e2m1))
  const scales = encodeF8E4M3(wanted)
  const zero = encodeF8E4M3(Float32Array.of(ZERO_SCALE))[0]!
  for (const [k, scale] of scales.entries()) if (scale === 0) scales[k] = zero
  const stored: Tensor = { dtype: 'f8e4m3', shape: blocks.grid, data: scales }
  const divisors = toF32(stored).data.map(scale => scale / globalScale)
  const codes = packBits(encodeE2M1(divided(weight, divisors, blocks)), 4)
  return floatGridWeight({
    shape: [rows, cols],
    element: 'e2m1',
    block: blocks.block,
    codes,
    scales: stored,
    globalScale,
  })
}

/** The global scale of some matrices: 6 · 448 over their largest |w|; 1 when that is too small. */
export function nvfp4Scale(weights: readonly TensorF32[]): number {
  const most = weights.reduce((max, { data }) => data.reduce((m, w) => Math.max(m, Math.abs(w)), max), 0)
  const scale = Math.fround((LARGEST.e4m3 * LARGEST.e2m1) / Math.max(most, 2 ** -126))
  return Number.isFinite(scale) ? scale : 1
}

export type MxElement = 'e2m1' | 'e4m3'

/**
 * The MX formats of the OCP (arXiv:2310.10537): blocks of 32 columns that share a power of two.
 * @param scale `floor`: the exponent of the largest |w|, as the OCP has it; `nearest`: one more from 1.75 times that power on, which
 *   then is not cut off (compressed-tensors)
 * @param weight f32 `[out, in]`, finite
 */
export function mx(weight: TensorF32, element: MxElement, scale: 'nearest' | 'floor' = 'nearest'): FloatGridWeight {
  const [rows, cols] = weight.shape as [number, number]
  const blocks = blocksOf([rows, cols], [1, 32])
  const least = Math.floor(Math.log2(LARGEST[element]))
  const exponents = Uint8Array.from(largest(weight, blocks), size =>
    Math.max(0, Math.min(254, exponentOf(size, scale) - least + 127)),
  )
  const scales: Tensor = { dtype: 'u8', shape: blocks.grid, data: exponents }
  const values = divided(
    weight,
    Float32Array.from(exponents, e => 2 ** (e - 127)),
    blocks,
  )
  const codes = element === 'e2m1' ? packBits(encodeE2M1(values), 4) : encodeF8E4M3(values)
  return floatGridWeight({ shape: [rows, cols], element, block: blocks.block, codes, scales })
}

const cell = new Float32Array(1)
const bits = new Uint32Array(cell.buffer)

/** ⌊log2 size⌋, one more from a mantissa of 1.75 on when `nearest`; −127 and less for what is denormal. */
function exponentOf(size: number, scale: 'nearest' | 'floor'): number {
  cell[0] = size
  const raised = scale === 'nearest' ? bits[0]! + (1 << 21) : bits[0]!
  return (raised >>> 23) - 127
}
