import { assertFinite, noteHessian, requireStatistic, type WeightMethod } from '@sinter/model'
import {
  type Compute,
  columnSolve,
  defaultCompute,
  orderBits,
  type PermutedWeight,
  type PreparedHessian,
  prepareHessian,
  type QuantizedWeight,
  type QuantizeOptions,
  resolveGrid,
  type TensorF32,
  type Weight,
} from '@sinter/tensor-core'
import { z } from 'zod'
import { columnsPerGroup, type GridOptions, gridBits, gridDefaults, gridFields, leastSquares } from './options.ts'
import { solvedWeight } from './solved-weight.ts'

export interface GptqOptions extends GridOptions {
  /** Quantize inputs with a large Σx² first. */
  readonly actOrder: boolean
  /** What a group's grid is fitted to. */
  readonly groups: 'static' | 'live' | 'stale'
  readonly range: 'minmax' | 'mse'
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
}

export interface GptqResult {
  readonly weight: QuantizedWeight | PermutedWeight
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
  const all = { ...gptqDefaults, ...options }
  const quantize = quantizeOptions(all)
  const { actOrder, damping, blockSize } = all
  const solution = await columnSolve(weight, gram, { quantize, actOrder, damping, blockSize }, compute)
  const loss = solution.loss.reduce((sum, row) => sum + row, 0)
  return { weight: solvedWeight(solution, resolveGrid(quantize)), loss, hessian: solution.hessian }
}

function quantizeOptions(options: GptqOptions): QuantizeOptions & { readonly zero: 'integer' | 'min' } {
  const { bits, groupSize, symmetric, symmetricRange, scaleDType, groups, range, weighted } = options
  const zero = symmetric ? 'integer' : options.zero
  // Unweighted it is GPTQ's own search, |e|^2.4 over 80 ranges. Weighted by the Hessian, |e|² is the loss itself.
  const search = weighted ? leastSquares(options) : {}
  return { bits, groupSize, symmetric, symmetricRange, zero, scaleDType, groups, range, weighted, ...search }
}

/** Groups fitted on the way in another order of columns need that order stored. */
function gptqBits(shape: readonly [number, number], options: GptqOptions): number {
  const [rows, cols] = shape
  const grouped = columnsPerGroup(cols, options.groupSize) < cols
  const ordered = grouped && options.actOrder && options.groups !== 'static'
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
      .enum(['static', 'live', 'stale'])
      .default(gptqDefaults.groups)
      .describe(
        'What a group is fitted to: static, the original weights; live, the weights as corrected so far; ' +
          'stale, as corrected at the start of the block (the reference code). Live and stale with actOrder store an order.',
      ),
    range: z
      .enum(['minmax', 'mse'])
      .default(gptqDefaults.range)
      .describe('Range of a group: all of it, or the shrunken one with the least error.'),
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
    const hessian = await prepareHessian(gram, width, options, context.compute)
    noteHessian(hessian, context)
    const out = new Map<string, Weight>()
    for (const [name, weight] of layers) out.set(name, (await gptq(weight, hessian, options, context.compute)).weight)
    hessian.release()
    return out
  },
  bitsPerWeight: gptqBits,
}
