import { blockGridBits, blockGrids, type WeightMethod } from '@sinter/model'
import {
  BENCH_VALUES,
  type FloatGridWeight,
  type Grid,
  gridFromRange,
  groupBench,
  maxCode,
  packBits,
  packedBytes,
  packedWeight,
  type QuantizedWeight,
  resolveGrid,
  suitsBench,
  type TensorF32,
  type TwoLevelWeight,
} from '@sinter/tensor-core'
import { z } from 'zod'
import { eachLayer } from './each-layer.ts'
import { mx } from './float-rounding.ts'
import { gridNamed } from './gptq-options.ts'
import { type GridArrays, gridArrays, gridParts, roundRun, toWeight } from './grid-arrays.ts'
import { columnsPerGroup, type GridOptions, gridBits, gridDefaults, gridFields, leastSquares } from './options.ts'
import { fitRange, type RangeRule } from './range.ts'
import { roundSuperBlocks } from './super-blocks.ts'

export interface RtnOptions extends GridOptions, RangeRule {}

interface RtnMethodOptions extends RtnOptions {
  /** A GGUF encoding whose own grid is rounded to; it says what bits, groups, zeros and scales are. */
  readonly encoding?: string | undefined
}

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
  const perTensor = groupSize === 0
  const grids = gridArrays(perTensor ? 1 : rows * Math.ceil(cols / span))
  // A minimum is taken away in f64 before the division, which the bench does not do.
  const onBench = !perTensor && suitsBench(cols, span) && grid.zero === 'integer' && grid.scaleDType !== 'f64'
  if (onBench) {
    const packed = roundOnBench(weight.data, span, rule, grid, grids)
    return packedWeight(gridParts([rows, cols], span, grids, grid), packed)
  }
  const codes = new Uint8Array(rows * cols)
  roundRuns(weight.data, perTensor ? rows * cols : cols, perTensor ? rows * cols : span, rule, grid, codes, grids)
  return toWeight([rows, cols], span, codes, grids, grid)
}

/** Runs of `run` values; the last of each `length` may be shorter. */
function roundRuns(
  data: Float32Array,
  length: number,
  run: number,
  rule: RangeRule,
  grid: Grid,
  codes: Uint8Array,
  grids: GridArrays,
): void {
  for (let start = 0, at = 0; start < data.length; start += length)
    for (let from = start; from < start + length; from += run, at++) {
      const count = Math.min(run, start + length - from)
      const fitted = fitRange(data, rule, grid, from, count)
      grids.scales[at] = fitted.scale
      grids.zeros[at] = fitted.zero
      roundRun(data, from, count, fitted, grid, codes)
    }
}

/** The same for runs of one length, several rows at a time. @returns the codes, packed */
function roundOnBench(data: Float32Array, run: number, rule: RangeRule, grid: Grid, grids: GridArrays): Uint8Array {
  const { bits } = grid
  const packed = new Uint8Array(packedBytes(data.length, bits))
  const bench = groupBench()
  const plain = rule.range === 'minmax' && grid.range === 'minmax'
  const step = BENCH_VALUES - (BENCH_VALUES % run)
  const max = maxCode(grid)
  for (let start = 0, at = 0; start < data.length; start += step) {
    const count = Math.min(step, data.length - start)
    bench.values.set(data.subarray(start, start + count))
    if (plain) bench.ranges(count, run)
    for (let i = 0; i < count / run; i++, at++) {
      const { scale, zero } = plain
        ? gridFromRange(bench.lows[i]!, bench.highs[i]!, grid)
        : fitRange(data, rule, grid, start + i * run, run)
      grids.scales[at] = bench.scales[i] = scale
      grids.zeros[at] = bench.zeros[i] = zero
    }
    bench.round(count, run, max)
    // A piece begins at a whole byte: it is a multiple of 16 codes.
    packBits(bench.codes.subarray(0, count), bits, packed.subarray((start * bits) / 8))
  }
  return packed
}

/** Rounds to the grid that is asked for, that of an encoding or one of the options'. */
function round(
  weight: TensorF32,
  { encoding, ...options }: RtnMethodOptions,
): QuantizedWeight | TwoLevelWeight | FloatGridWeight {
  if (!encoding) return rtn(weight, options)
  const { supers, scaleDType, ...grid } = gridNamed(encoding)
  if (supers) return roundSuperBlocks(weight, { ...grid, scaleDType, supers })
  return scaleDType === 'e8m0' ? mx(weight, 'e2m1', 'floor') : rtn(weight, { ...options, ...grid, scaleDType })
}

/** IQ4_NL's levels are fitted to inputs: rounding alone is what its encoder does. */
const roundable = Object.keys(blockGrids).filter(name => name !== 'IQ4_NL')

export const rtnMethod: WeightMethod<RtnMethodOptions> = {
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
    encoding: z
      .enum(roundable)
      .optional()
      .describe(
        'A GGUF encoding whose own grid is rounded to, in place of bits, groupSize, symmetric, zero and scaleDType.',
      ),
    percentile: z.number().gt(0).max(100).default(99.9).describe('Percentile of |w| that range: percentile keeps.'),
    rmsFactor: z.number().positive().default(3).describe('Multiple of the root mean square that range: rms keeps.'),
  }),
  needs: () => [],
  compress: async (layers, _, options, context) => eachLayer(layers, context, weight => round(weight, options)),
  bitsPerWeight: (shape, options) =>
    options.encoding ? blockGridBits(gridNamed(options.encoding)) : gridBits(shape, options),
}
