import type { BlockGrid } from '@sinter/model'
import {
  f32ToF16,
  fitSuperBlock,
  type SuperScales,
  type TensorF32,
  type TwoLevelWeight,
  twoLevelWeight,
} from '@sinter/tensor-core'

/**
 * Rounds every weight to the nearest level of its super-block's grid, which is fitted to the weights alone, all columns alike.
 * @param weight f32 `[out, in]`, finite
 * @throws RangeError for rows that super-blocks do not fill
 */
export function roundSuperBlocks(
  weight: TensorF32,
  grid: BlockGrid & { readonly supers: SuperScales },
): TwoLevelWeight {
  const { bits, groupSize, symmetric, supers } = grid
  const [rows, cols] = weight.shape as [number, number]
  const { size, most, least } = supers
  if (cols % size !== 0)
    throw new RangeError(`super-blocks of ${size} columns: expected a width that is a multiple of it, got ${cols}`)
  const first = symmetric ? -(2 ** (bits - 1)) : 0
  const levels = { least: first, most: first + 2 ** bits - 1, groupSize, supers }
  const [groups, count] = [(rows * cols) / groupSize, (rows * cols) / size]
  const codes = new Uint8Array(rows * cols)
  const [scaleCodes, minCodes] = [new Uint8Array(groups), new Uint8Array(groups)]
  const [scales, mins] = [new Float32Array(count), new Float32Array(count)]
  const run = { values: new Float64Array(size), importance: new Float64Array(size).fill(1) }
  for (let block = 0; block < count; block++) {
    run.values.set(weight.data.subarray(block * size, (block + 1) * size))
    const fit = fitSuperBlock(run, 0, levels)
    scales[block] = fit.scale
    mins[block] = fit.min
    for (let g = 0; g < size / groupSize; g++) {
      const group = (block * size) / groupSize + g
      scaleCodes[group] = fit.scaleCodes[g]! - least
      minCodes[group] = fit.minCodes[g]!
      const scale = fit.scale * fit.scaleCodes[g]!
      const min = symmetric ? 0 : -fit.min * fit.minCodes[g]!
      for (let k = g * groupSize; k < (g + 1) * groupSize; k++)
        codes[block * size + k] = nearest((run.values[k]! - min) / scale, levels) - first
    }
  }
  const perBlock = (values: Float32Array) =>
    ({ dtype: 'f16', shape: [rows, cols / size], data: f32ToF16(values) }) as const
  return twoLevelWeight({
    shape: [rows, cols],
    bits,
    groupSize,
    superSize: size,
    codes,
    scaleBits: Math.ceil(Math.log2(most - least + 1)),
    scaleCodes,
    scaleZero: -least,
    superScales: perBlock(scales),
    ...(!symmetric && { minCodes, superMins: perBlock(mins) }),
  })
}

/** The nearest level, halves to even, ends clamped; 0/0 under a scale of 0 is the least. */
function nearest(steps: number, { least, most }: { readonly least: number; readonly most: number }): number {
  const level = steps + 6755399441055744 - 6755399441055744
  return level > least ? Math.min(level, most) : least
}
