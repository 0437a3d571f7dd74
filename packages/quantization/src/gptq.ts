import {
  assertFinite,
  type BlockGrid,
  blockGridBits,
  blockGrids,
  noteHessian,
  requireStatistic,
  type WeightMethod,
} from '@sinter/model'
import {
  type Compute,
  columnSolve,
  defaultCompute,
  type HessianOptions,
  orderBits,
  type PermutedWeight,
  type PreparedHessian,
  prepareHessian,
  type QuantizedWeight,
  type QuantizeOptions,
  refineColumns,
  resolveGrid,
  type TensorF32,
  type TwoLevelWeight,
  type Weight,
} from '@sinter/tensor-core'
import { z } from 'zod'
import { columnsPerGroup, type GridOptions, gridBits, gridDefaults, gridFields, leastSquares } from './options.ts'
import { solvedWeight } from './solved-weight.ts'

export interface GptqOptions extends GridOptions {
  /** Quantize inputs with a large Σx² first. */
  readonly actOrder: boolean
  /** What a group's grid is fitted to. */
  readonly groups: 'static' | 'live' | 'stale' | 'together'
  readonly range: 'minmax' | 'mse' | 'fit'
  /** A GGUF encoding whose own grid is aimed at; it says what bits, groups, zeros and scales are. */
  readonly encoding?: string | undefined
  /** Passes over the codes afterwards, each of which moves those that another level has become better for. */
  readonly sweeps: number
  /** Weigh the errors of the range search by the Hessian. */
  readonly weighted: boolean
  /** Added to the Hessian's diagonal, as a share of its mean. */
  readonly damping: number
  readonly blockSize: number
}

export const gptqDefaults: GptqOptions = {
  ...gridDefaults,
  actOrder: true,
  groups: 'static',
  range: 'mse',
  weighted: true,
  damping: 0.01,
  blockSize: 128,
  sweeps: 0,
}

/** Defaults on the grid of an encoding: 5 to 10 % less layer error than the others, for a fifth more time. */
export const encodingDefaults = { groups: 'together', range: 'fit', sweeps: 8 } as const

export interface GptqResult {
  readonly weight: QuantizedWeight | TwoLevelWeight | PermutedWeight
  /** `tr(ΔW H ΔWᵀ)` with the damped Hessian. */
  readonly loss: number
  readonly hessian: PreparedHessian
}

/**
 * GPTQ (arXiv:2210.17323): quantizes column by column and moves each column's error onto those that follow.
 * @param weight f32 `[out, in]`
 * @param gram Σ x xᵀ of the inputs, f64 `[in, in]`, in any scale; or what `prepareHessian` made of it
 */
export async function gptq(
  weight: TensorF32,
  gram: Float64Array | PreparedHessian,
  options: Partial<GptqOptions> = {},
  compute: Compute = defaultCompute(),
): Promise<GptqResult> {
  const all = { ...gptqDefaults, ...(options.encoding && encodingDefaults), ...options }
  const quantize = quantizeOptions(all)
  const { blockSize } = all
  const solution = await columnSolve(weight, gram, { quantize, blockSize, ...hessianOptions(all) }, compute)
  const { bits } = quantize
  const { sweeps } = all
  const refined = sweeps > 0 ? await refineColumns(weight, solution, { bits, sweeps }, compute) : solution
  const loss = refined.loss.reduce((sum, row) => sum + row, 0)
  return { weight: solvedWeight(refined, resolveGrid(quantize)), loss, hessian: solution.hessian }
}

function hessianOptions({ actOrder, damping, groups, groupSize, encoding }: GptqOptions): HessianOptions {
  const together = encoding ? unitOf(gridNamed(encoding)) : groupSize
  return { actOrder, damping, ...(groups === 'together' && together > 0 && { together }) }
}

const unitOf = ({ groupSize, supers }: BlockGrid): number => supers?.size ?? groupSize

/** @throws RangeError for an encoding without a grid of its own */
function gridNamed(encoding: string): BlockGrid {
  const grid = blockGrids[encoding]
  if (!grid) throw new RangeError(`gptq: no grid is known of ${encoding}; known: ${Object.keys(blockGrids).join(', ')}`)
  return grid
}

function quantizeOptions(options: GptqOptions): QuantizeOptions {
  const { encoding, range, weighted } = options
  const groups = options.groups === 'together' ? 'live' : options.groups
  const grid = encoding ? gridNamed(encoding) : gridGiven(options)
  // Unweighted it is GPTQ's own search, |e|^2.4 over 80 ranges. Weighted by the Hessian, |e|² is the loss itself.
  const search = weighted ? leastSquares(grid) : {}
  return { ...grid, groups, range, weighted, ...search }
}

function gridGiven({ bits, groupSize, symmetric, symmetricRange, zero, scaleDType }: GptqOptions): BlockGrid {
  return { bits, groupSize, symmetric, symmetricRange, zero: symmetric ? 'integer' : zero, scaleDType }
}

/** Groups fitted on the way in another order of columns need that order stored. */
function gptqBits(shape: readonly [number, number], options: GptqOptions): number {
  if (options.encoding) return blockGridBits(gridNamed(options.encoding))
  const [rows, cols] = shape
  const grouped = columnsPerGroup(cols, options.groupSize) < cols
  const ordered = grouped && options.actOrder && options.groups !== 'static' && options.groups !== 'together'
  return gridBits(shape, options) + (ordered ? orderBits(cols) / rows : 0)
}

export const gptqMethod: WeightMethod<GptqOptions> = {
  kind: 'weight',
  name: 'gptq',
  title: 'GPTQ',
  paper: 'arXiv:2210.17323',
  options: z.strictObject({
    ...gridFields,
    groupSize: gridFields.groupSize.refine(
      size => size !== 0,
      'gptq has no grid for the whole matrix; use -1, one a row',
    ),
    actOrder: z.boolean().default(gptqDefaults.actOrder).describe('Quantize the inputs that matter most first.'),
    groups: z
      .enum(['static', 'live', 'stale', 'together'])
      .default(gptqDefaults.groups)
      .describe(
        'What a group is fitted to: static, the original weights; live, the weights as corrected so far; ' +
          'stale, as corrected at the start of the block (the reference code); together, as live, but actOrder keeps the columns ' +
          'of a group side by side. Live and stale with actOrder store an order.',
      ),
    range: z
      .enum(['minmax', 'mse', 'fit'])
      .default(gptqDefaults.range)
      .describe(
        'Scale of a group: that of its whole range, of the shrunken one with the least error, or least squares (not for ' +
          'asymmetric grids with a whole zero point).',
      ),
    encoding: z
      .enum(Object.keys(blockGrids))
      .optional()
      .describe('A GGUF encoding whose own grid is aimed at, in place of bits, groupSize, symmetric, zero and scaleDType.'),
    sweeps: z
      .int()
      .min(0)
      .max(100)
      .default(gptqDefaults.sweeps)
      .describe('Passes afterwards that move codes for which another level has become better (QuantEase).'),
    weighted: z.boolean().default(gptqDefaults.weighted).describe('Weigh the errors of range: mse by the Hessian.'),
    damping: z
      .number()
      .min(0)
      .max(1)
      .default(gptqDefaults.damping)
      .describe('Added to the diagonal of the Hessian, as a share of its mean; raised when the factorization fails.'),
    blockSize: z.int().min(1).max(4096).default(gptqDefaults.blockSize).describe('Columns per block; speed only.'),
  }),
  needs: () => ['gram'],
  async compress(layers, statistics, options, context) {
    const gram = requireStatistic(statistics, 'gram', context)
    for (const [name, weight] of layers) assertFinite(`${context.name} ${name}`, weight)
    const width = layers.values().next().value?.shape[1] ?? 0
    const hessian = await prepareHessian(gram, width, hessianOptions(options), context.compute)
    noteHessian(hessian, context)
    const out = new Map<string, Weight>()
    for (const [name, weight] of layers) out.set(name, (await gptq(weight, hessian, options, context.compute)).weight)
    hessian.release()
    return out
  },
  bitsPerWeight: gptqBits,
}
