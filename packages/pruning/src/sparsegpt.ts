import {
  assertFinite,
  blockGridBits,
  blockGrids,
  noteHessian,
  requireStatistic,
  type WeightMethod,
} from '@sinter/model'
import {
  blockEdges,
  type ColumnSolution,
  type Compute,
  columnSolve,
  defaultCompute,
  f32ToF16,
  type Pattern,
  type PreparedHessian,
  prepareHessian,
  type QuantizeOptions,
  quantizedWeight,
  solvedTwoLevel,
  sparseWeight,
  type TensorF32,
  type Weight,
} from '@sinter/tensor-core'
import { z } from 'zod'
import { patternCount } from './masks.ts'
import { type PruneOptions, patternOf, pruneFields } from './options.ts'
import { indexBitsOf, prunedBits, prunedWeight } from './pruned-weight.ts'

export interface SparseGptOptions extends PruneOptions {
  /** Quantize what stays, in the same pass. */
  readonly bits?: number | undefined
  /** A GGUF encoding whose own grid is aimed at, in place of `bits`, `groupSize` and `symmetric`. */
  readonly encoding?: string | undefined
  readonly groupSize: number
  readonly symmetric: boolean
  readonly damping: number
  readonly blockSize: number
}

export const sparseGptDefaults: SparseGptOptions = {
  sparsity: 0.5,
  dtype: 'f16',
  groupSize: 64,
  symmetric: false,
  damping: 0.01,
  blockSize: 128,
}

export interface SparseGptResult {
  readonly weight: Weight
  /** 1 = removed, `[out, in]`. */
  readonly removed: Uint8Array
  /** `tr(ΔW H ΔWᵀ)` with the damped Hessian, before rounding to `dtype`. */
  readonly loss: number
  readonly hessian: PreparedHessian
}

/**
 * SparseGPT (arXiv:2301.00774): removes weights block by block of columns, and moves the error of every removed weight onto
 * the columns that follow; jointly with rounding when `bits` is given.
 * @param weight f32 `[out, in]`
 * @param gram Σ x xᵀ of the inputs, f64 `[in, in]`, in any scale; or what `prepareHessian` made of it
 */
export async function sparseGpt(
  weight: TensorF32,
  gram: Float64Array | PreparedHessian,
  options: Partial<SparseGptOptions> = {},
  compute: Compute = defaultCompute(),
): Promise<SparseGptResult> {
  const all = { ...sparseGptDefaults, ...options }
  const pattern = patternOf(all)
  const { damping, blockSize } = all
  const quantize = quantizeOptions(all)
  const sparse = pattern ?? { sparsity: all.sparsity }
  const unit = quantize?.supers && { together: quantize.supers.size }
  const solve = { sparse, damping, blockSize, ...unit, ...(quantize && { quantize }) }
  const solution = await columnSolve(weight, gram, solve, compute)
  const loss = solution.loss.reduce((sum, row) => sum + row, 0)
  const removed = solution.mask!
  return { weight: toWeight(solution, removed, all, pattern), removed, loss, hessian: solution.hessian }
}

/**
 * Grids are fitted to the weights before they are removed; 0 is a level of each, so that removed means 0. Ranges are those with
 * the least squared error weighted by the Hessian: 5 to 25 % less layer error than the whole range.
 */
function quantizeOptions({ bits, groupSize, symmetric, encoding }: SparseGptOptions): QuantizeOptions | undefined {
  if (encoding) return { ...blockGrids[encoding]!, groups: 'live', range: 'fit', weighted: true }
  if (bits === undefined) return undefined
  const search = { range: 'mse', weighted: true, norm: 2, grid: 40, steps: bits < 4 ? 28 : 15 } as const
  return { bits, groupSize, symmetric, symmetricRange: 'signed', groups: 'live', scaleDType: 'f16', ...search }
}

const bitsOf = ({ bits, encoding }: SparseGptOptions): number => (encoding ? blockGrids[encoding]!.bits : bits!)

function toWeight(
  solution: ColumnSolution,
  removed: Uint8Array,
  options: SparseGptOptions,
  pattern: Pattern | undefined,
): Weight {
  const { rows, cols, quantized } = solution
  const shape: [number, number] = [rows, cols]
  if (!quantized) {
    const data = Float32Array.from(solution.weight)
    return prunedWeight('sparsegpt', { dtype: 'f32', shape, data }, removed, { dtype: options.dtype, pattern })
  }
  if (quantized.supers) return solvedTwoLevel(solution, bitsOf(options))
  const { codes, groupSize, groupCount, scales, zeroPoints } = quantized
  const inner = quantizedWeight({
    shape,
    bits: bitsOf(options),
    groupSize,
    codes,
    scales: { dtype: 'f16', shape: [rows, groupCount], data: f32ToF16(Float32Array.from(scales)) },
    ...(!options.encoding && !options.symmetric && zeroPoints && { zeroPoints }),
  })
  // Zero is a level of the encoding's grid: where it is has no place in the file, and needs none.
  if (options.encoding) return inner
  const regular = pattern && cols % pattern.of === 0
  return sparseWeight({ removed, inner, ...(regular && { pattern }) })
}

/** Elements that go: the threshold of the unstructured mode is per block of columns. */
function removedCount([rows, cols]: readonly [number, number], options: SparseGptOptions): number {
  const pattern = patternOf(options)
  if (pattern) return rows * patternCount(cols, pattern)
  const group = options.bits === undefined || options.groupSize === -1 ? cols : Math.min(options.groupSize, cols)
  const edges = blockEdges(cols, options.blockSize, group)
  return edges.slice(1).reduce((sum, end, b) => sum + Math.floor(options.sparsity * (end - edges[b]!) * rows), 0)
}

function bitsPerWeight(shape: readonly [number, number], options: SparseGptOptions): number {
  if (options.encoding) return blockGridBits(blockGrids[options.encoding]!)
  const removed = removedCount(shape, options)
  const { bits, groupSize, symmetric } = options
  if (bits === undefined) return prunedBits(shape, removed, options)
  const [rows, cols] = shape
  const groups = groupSize === -1 ? 1 : Math.ceil(cols / Math.min(groupSize, cols))
  const grids = rows * groups * (16 + (symmetric ? 0 : bits))
  return ((rows * cols - removed) * bits + grids + indexBitsOf(shape, options)) / (rows * cols)
}

/** Those that can write an exact zero anywhere. */
const symmetricEncodings = Object.keys(blockGrids).filter(
  name => blockGrids[name]!.symmetric && !blockGrids[name]!.levels,
)

export const sparseGptMethod: WeightMethod<SparseGptOptions> = {
  kind: 'weight',
  name: 'sparsegpt',
  title: 'SparseGPT',
  paper: 'arXiv:2301.00774',
  options: z.strictObject({
    ...pruneFields,
    bits: z
      .int()
      .min(2)
      .max(8)
      .optional()
      .describe('Quantize the remaining weights in the same pass, to this many bits.'),
    encoding: z
      .enum(symmetricEncodings)
      .optional()
      .describe(
        'Quantize in the same pass to the grid of this GGUF encoding, in place of bits, groupSize and symmetric.',
      ),
    groupSize: z
      .int()
      .min(-1)
      .refine(size => size !== 0, 'expected -1 (the whole row) or a positive size')
      .default(sparseGptDefaults.groupSize)
      .describe('With bits: consecutive inputs of a row that share a scale; -1: the whole row.'),
    symmetric: z
      .boolean()
      .default(sparseGptDefaults.symmetric)
      .describe('With bits: fix the zero point in the middle.'),
    damping: z
      .number()
      .min(0)
      .max(1)
      .default(sparseGptDefaults.damping)
      .describe('Added to the diagonal of the Hessian, as a share of its mean; raised when the factorization fails.'),
    blockSize: z
      .int()
      .min(1)
      .max(4096)
      .default(sparseGptDefaults.blockSize)
      .describe('Columns whose weights are compared when the mask is chosen.'),
  }),
  needs: () => ['gram'],
  async compress(layers, statistics, options, context) {
    const gram = requireStatistic(statistics, 'gram', context)
    for (const [name, weight] of layers) assertFinite(`${context.name} ${name}`, weight)
    const width = layers.values().next().value?.shape[1] ?? 0
    const hessian = await prepareHessian(gram, width, options, context.compute)
    noteHessian(hessian, context)
    const out = new Map<string, Weight>()
    for (const [name, weight] of layers)
      out.set(name, (await sparseGpt(weight, hessian, options, context.compute)).weight)
    hessian.release()
    return out
  },
  bitsPerWeight,
}
