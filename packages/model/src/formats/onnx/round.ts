import {
  BENCH_VALUES,
  castTo,
  codeOf,
  f32,
  fitGrid,
  type Grid,
  gridFromRange,
  groupBench,
  maxCode,
  packBits,
  packedBytes,
  packedWeight,
  type QuantizedWeight,
  quantizedWeight,
  resolveGrid,
  suitsBench,
  type TensorF32,
} from '@sinter/tensor-core'

/** Widths that `MatMulNBits` computes with. */
export type NBits = 2 | 4 | 8

/** The grids of Q4_0 and Q8_0: what is rounded here can become a GGUF of the same numbers. */
const grids: Readonly<Record<NBits, Grid>> = {
  2: resolveGrid({ bits: 2, symmetric: true, symmetricRange: 'signed', scaleDType: 'f16' }),
  4: resolveGrid({ bits: 4, symmetric: true, symmetricRange: 'signed', scaleDType: 'f16' }),
  8: resolveGrid({ bits: 8, symmetric: true, symmetricRange: 'restricted', scaleDType: 'f16' }),
}

/** Rounds a matrix `[out, in]` to the nearest level of a symmetric grid with one f16 scale for every `block` columns. */
export function roundToNBits(weight: TensorF32, bits: NBits, block: number): QuantizedWeight {
  const [rows, cols] = weight.shape as [number, number]
  const grid = grids[bits]
  if (suitsBench(cols, block)) return roundOnBench(weight, grid, block)
  const groups = Math.ceil(cols / block)
  const codes = new Uint8Array(rows * cols)
  const scales = new Float32Array(rows * groups)
  for (let row = 0, at = 0; row < rows; row++)
    for (let start = 0; start < cols; start += block, at++) {
      const count = Math.min(block, cols - start)
      const fitted = fitGrid(weight.data, grid, row * cols + start, count)
      scales[at] = fitted.scale
      for (let k = row * cols + start; k < row * cols + start + count; k++)
        codes[k] = codeOf(weight.data[k]!, fitted, grid)
    }
  return quantizedWeight({ shape: [rows, cols], bits, groupSize: block, codes, scales: halves(rows, scales) })
}

const halves = (rows: number, scales: Float32Array) => castTo(f32([rows, scales.length / rows], scales), 'f16')

function roundOnBench({ data, shape }: TensorF32, grid: Grid, block: number): QuantizedWeight {
  const [rows, cols] = shape as [number, number]
  const packed = new Uint8Array(packedBytes(data.length, grid.bits))
  const scales = new Float32Array(data.length / block)
  const bench = groupBench()
  const step = BENCH_VALUES - (BENCH_VALUES % block)
  for (let start = 0, at = 0; start < data.length; start += step) {
    const count = Math.min(step, data.length - start)
    bench.values.set(data.subarray(start, start + count))
    bench.ranges(count, block)
    for (let i = 0; i < count / block; i++, at++) {
      const { scale, zero } = gridFromRange(bench.lows[i]!, bench.highs[i]!, grid)
      scales[at] = bench.scales[i] = scale
      bench.zeros[i] = zero
    }
    bench.round(count, block, maxCode(grid))
    // A piece begins at a whole byte: it is a multiple of 16 codes.
    packBits(bench.codes.subarray(0, count), grid.bits, packed.subarray((start * grid.bits) / 8))
  }
  const parts = { shape: [rows, cols] as const, bits: grid.bits, groupSize: block }
  return packedWeight({ ...parts, scales: halves(rows, scales) }, packed)
}
