import { assertFinite, blockGridBits, noteHessian, requireStatistic, type WeightMethod } from '@sinter/model'
import {
  type Compute,
  columnSolve,
  defaultCompute,
  orderBits,
  type PreparedHessian,
  prepareHessian,
  refineColumns,
  resolveGrid,
  type TensorF32,
  type Weight,
} from '@sinter/tensor-core'
import {
  type GptqOptions,
  gptqChoices,
  gptqDefaults,
  gptqSchema,
  gridNamed,
  hessianOptions,
  quantizeOptions,
} from './gptq-options.ts'
import { columnsPerGroup, gridBits } from './options.ts'
import { type SolvedWeight, solvedWeight } from './solved-weight.ts'

export interface GptqResult {
  readonly weight: SolvedWeight
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
  const cols = weight.shape[1]!
  const quantize = quantizeOptions(all, cols)
  const { blockSize } = all
  const solve = { quantize, blockSize, ...hessianOptions(all, cols) }
  const solution = await columnSolve(weight, gram, solve, compute)
  const { sweeps } = gptqChoices(all)
  const refine = { bits: quantize.bits, sweeps }
  const refined = sweeps > 0 ? await refineColumns(weight, solution, refine, compute) : solution
  const loss = refined.loss.reduce((sum, row) => sum + row, 0)
  return { weight: solvedWeight(refined, resolveGrid(quantize)), loss, hessian: solution.hessian }
}

/** Groups fitted on the way in another order of columns need that order stored. */
function gptqBits(shape: readonly [number, number], options: GptqOptions): number {
  if (options.encoding) return blockGridBits(gridNamed(options.encoding))
  const [rows, cols] = shape
  const grouped = columnsPerGroup(cols, options.groupSize) < cols
  const { groups } = gptqChoices(options)
  const ordered = grouped && options.actOrder && groups !== 'static' && groups !== 'together'
  return gridBits(shape, options) + (ordered ? orderBits(cols) / rows : 0)
}

export const gptqMethod: WeightMethod<GptqOptions> = {
  kind: 'weight',
  name: 'gptq',
  title: 'GPTQ',
  paper: 'arXiv:2210.17323',
  options: gptqSchema,
  needs: () => ['gram'],
  async compress(layers, statistics, options, context) {
    const gram = requireStatistic(statistics, 'gram', context)
    for (const [name, weight] of layers) assertFinite(`${context.name} ${name}`, weight)
    const width = layers.values().next().value?.shape[1] ?? 0
    const hessian = await prepareHessian(gram, width, hessianOptions(options, width), context.compute)
    noteHessian(hessian, context)
    const out = new Map<string, Weight>()
    for (const [name, weight] of layers) out.set(name, (await gptq(weight, hessian, options, context.compute)).weight)
    hessian.release()
    return out
  },
  bitsPerWeight: gptqBits,
}
