import { assertFinite, type WeightMethod } from '@sinter/model'
import { type Grid, type QuantizedWeight, resolveGrid, type TensorF32, type Weight } from '@sinter/tensor-core'
import { z } from 'zod'
import { gridArrays, roundRun, toWeight } from './grid-arrays.ts'
import { columnsPerGroup, type GridOptions, gridBits, gridDefaults, gridFields, leastSquares } from './options.ts'
import { fitRange, type RangeRule } from './range.ts'

export interface RtnOptions extends GridOptions, RangeRule {}

const rtnDefaults: RtnOptions = { ...gridDefaults, range: 'minmax', percentile: 99.9, rmsFactor: 3 }

/** The grid that the options ask for. */
export function gridOf(options: RtnOptions): Grid {
  const { bits, symmetric, symmetricRange, scaleDType } = options
  const zero = symmetric ? 'integer' : options.zero
  return resolveGrid({
    bits,
    symmetric,
    symmetricRange,
    zero,
    scaleDType,
    range: options.range === 'mse' ? 'mse' : 'minmax',
    ...leastSquares(options),
  })
}

/**
 * Rounds every weight to the nearest level of its group's grid.
 * @param weight f32 `[out, in]`, finite
 */
export function rtn(weight: TensorF32, options: Partial<RtnOptions> = {}): QuantizedWeight {
  const all = { ...rtnDefaults, ...options }
  return rtnOnGrid(weight, all.groupSize, all, gridOf(all))
}

/** `rtn` on a grid made elsewhere. */
export function rtnOnGrid(weight: TensorF32, groupSize: number, rule: RangeRule, grid: Grid): QuantizedWeight {
  const [rows, cols] = weight.shape as [number, number]
  const span = columnsPerGroup(cols, groupSize)
  const codes = new Uint8Array(rows * cols)
  const perTensor = groupSize === 0
  const perRow = perTensor ? 1 : Math.ceil(cols / span)
  const grids = gridArrays(perTensor ? 1 : rows * perRow)
  const { data } = weight
  const length = perTensor ? rows * cols : cols
  const run = perTensor ? rows * cols : span
  for (let start = 0, at = 0; start < data.length; start += length)
    for (let from = start; from < start + length; from += run, at++) {
      const count = Math.min(run, start + length - from)
      const fitted = fitRange(data, rule, grid, from, count)
      grids.scales[at] = fitted.scale
      grids.zeros[at] = fitted.zero
      roundRun(data, from, count, fitted, grid, codes)
    }
  return toWeight([rows, cols], span, codes, grids, grid)
}

export const rtnMethod: WeightMethod<RtnOptions> = {
  kind: 'weight',
  name: 'rtn',
  title: 'Round to nearest',
  paper: 'arXiv:2103.13630 §III',
  options: z.strictObject({
    ...gridFields,
    range: z
      .enum(['minmax', 'percentile', 'rms', 'mse'])
      .default('minmax')
      .describe(
        'How the range of a group is found: all of it, a percentile of |w|, a multiple of its RMS, or least error.',
      ),
    percentile: z.number().gt(0).max(100).default(99.9).describe('Percentile of |w| that range: percentile keeps.'),
    rmsFactor: z.number().positive().default(3).describe('Multiple of the root mean square that range: rms keeps.'),
  }),
  needs: () => [],
  async compress(layers, _, options, context) {
    const out = new Map<string, Weight>()
    for (const [name, weight] of layers) {
      assertFinite(`${context.name} ${name}`, weight)
      out.set(name, rtn(weight, options))
    }
    return out
  },
  bitsPerWeight: gridBits,
}
