import {
  castTo,
  type FittedGrid,
  type Grid,
  maxCode,
  type Quantized,
  type QuantizedWeight,
  quantizedWeight,
  type Tensor,
} from '@sinter/tensor-core'

/** Scales and zeros of a matrix while it is being quantized, one of each a group, `[rows, groups]`. */
export interface GridArrays {
  readonly scales: Float32Array
  /** Zero points, or minimums on a `min` grid. */
  readonly zeros: Float32Array
}

export const gridArrays = (count: number): GridArrays => ({
  scales: new Float32Array(count),
  zeros: new Float32Array(count),
})

/** 1.5·2⁵²: adding and taking it away rounds half to even. */
const noFraction = 6755399441055744

/** Codes of `count` weights from `start`: nearest level, halves to even, ends clamped. */
export function roundRun(
  weights: Float32Array,
  start: number,
  count: number,
  { scale, zero }: FittedGrid,
  grid: Grid,
  codes: Uint8Array,
): void {
  const max = maxCode(grid)
  const min = grid.zero === 'min'
  const before = min ? zero : 0
  const after = min ? 0 : zero
  for (let k = start; k < start + count; k++) {
    // The quotient in f32, as reference kernels have it: −absmax then lands on the tie at −7.5 and takes the code −8.
    const q = Math.fround((weights[k]! - before) / scale) + noFraction - noFraction + after
    codes[k] = q > 0 ? Math.min(q, max) : 0
  }
}

/** Codes and grids as a Weight. `scales` and `zeros` were rounded to `grid.scaleDType` when they were fitted. */
export const toWeight = (
  shape: readonly [number, number],
  groupSize: number,
  codes: Uint8Array,
  grids: GridArrays,
  grid: Grid,
): QuantizedWeight => quantizedWeight({ ...gridParts(shape, groupSize, grids, grid), codes })

/** All of a Weight but its codes. */
export function gridParts(
  shape: readonly [number, number],
  groupSize: number,
  { scales, zeros }: GridArrays,
  grid: Grid,
): Omit<Quantized, 'codes'> {
  const gridShape: [number, number] = scales.length === 1 ? [1, 1] : [shape[0], scales.length / shape[0]]
  const store = (data: Float32Array): Tensor => {
    const tensor = { dtype: 'f32', shape: gridShape, data } as const
    return grid.scaleDType === 'f16' || grid.scaleDType === 'bf16' ? castTo(tensor, grid.scaleDType) : tensor
  }
  const base = { shape, bits: grid.bits, groupSize, scales: store(scales) }
  if (grid.symmetric) return base
  return grid.zero === 'min' ? { ...base, mins: store(zeros) } : { ...base, zeroPoints: Uint8Array.from(zeros) }
}
