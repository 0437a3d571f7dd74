import {
  type LayerGroup,
  requireStatistic,
  type Statistics,
  type TransformBlock,
  type TransformMethod,
} from '@sinter/model'
import { type Compute, type Grid, resolveGrid, type TensorF32 } from '@sinter/tensor-core'
import { z } from 'zod'
import { awqClip, clamped } from './awq-clip.ts'
import { awqRatios, awqScales, gramLoss, meanSquaredError, roundedAtScale } from './awq-scales.ts'
import { averageShared, channelOf, foldScales } from './fold.ts'
import { columnsPerGroup, type GridOptions, gridFields } from './options.ts'

export interface AwqOptions extends GridOptions {
  /** What a scale is judged by. */
  readonly objective: 'module' | 'gram'
  readonly ratios: number
  readonly clip: boolean
}

export interface AwqChoice {
  /** One scale an input column. */
  readonly scales: Float64Array
  readonly index: number
  /** Loss of every ratio; the first is plain rounding. */
  readonly losses: readonly number[]
}

/** The grid that the weight method after this transform will round to. */
function gridOf({ bits, symmetric, symmetricRange, zero, scaleDType }: AwqOptions): Grid {
  return resolveGrid({ bits, symmetric, symmetricRange, zero: symmetric ? 'integer' : zero, scaleDType })
}

/**
 * The scale of one group with the least loss (arXiv:2306.00978 §3.2).
 * @param meanAbs mean |x| of every input column; equal on columns that must share a scale
 * @param loss of the group's matrices after rounding, in the order of `weights`
 */
export async function searchScales(
  weights: readonly TensorF32[],
  meanAbs: Float64Array,
  loss: (rounded: readonly TensorF32[]) => Promise<number>,
  { groupSize, grid, ratios = 20 }: { readonly groupSize: number; readonly grid: Grid; readonly ratios?: number },
): Promise<AwqChoice> {
  const losses: number[] = []
  let index = 0
  for (const ratio of awqRatios(ratios)) {
    const scales = awqScales(meanAbs, ratio)
    losses.push(await loss(weights.map(weight => roundedAtScale(weight, scales, groupSize, grid))))
    if (losses.at(-1)! < losses[index]!) index = losses.length - 1
  }
  return { scales: awqScales(meanAbs, index / ratios), index, losses }
}

async function searchGroup(
  block: TransformBlock,
  group: LayerGroup,
  options: AwqOptions,
  compute: Compute,
): Promise<AwqChoice> {
  const statistics = block.statistics(group)
  const where = { name: group.linears[0] ?? 'group' }
  const sumAbs = requireStatistic(statistics, 'sumAbs', where)
  const meanAbs = averageShared(
    sumAbs.map(sum => sum / Math.max(1, statistics.tokens)),
    channelOf(group.producer!, group.width),
  )
  const names = group.linears.map(linear => `${linear}.weight`)
  const weights = names.map(name => block.tensor(name))
  const loss =
    options.objective === 'gram'
      ? gramObjective(weights, requireStatistic(statistics, 'gram', where), compute)
      : await moduleObjective(block, group, names)
  return searchScales(weights, meanAbs, loss, {
    groupSize: columnsPerGroup(group.width, options.groupSize),
    grid: gridOf(options),
    ratios: options.ratios,
  })
}

type Loss = (rounded: readonly TensorF32[]) => Promise<number>

const gramObjective =
  (weights: readonly TensorF32[], gram: Float64Array, compute: Compute): Loss =>
  rounded =>
    gramLoss(
      weights.map((weight, k) => [weight, rounded[k]!] as const),
      gram,
      compute,
    )

async function moduleObjective(block: TransformBlock, group: LayerGroup, names: readonly string[]): Promise<Loss> {
  const original = await block.moduleOutput(group, new Map())
  return async rounded => {
    const replacements = new Map(names.map((name, k) => [name, rounded[k]!]))
    return meanSquaredError(original, await block.moduleOutput(group, replacements))
  }
}

/** llm-awq clips neither q nor k: their errors go through the softmax, which no linear objective sees. */
const neverClipped = /(^|[._])(q|k|qkv|query|key|query_key_value|c_attn)(_proj)?$/

async function clipGroup(
  block: TransformBlock,
  group: LayerGroup,
  statistics: Statistics,
  scales: Float64Array | undefined,
  options: AwqOptions,
  compute: Compute,
): Promise<void> {
  const groupSize = columnsPerGroup(group.width, options.groupSize)
  const linears = group.linears.filter(linear => !neverClipped.test(linear))
  if (linears.length === 0) return
  const samples = requireStatistic(statistics, 'samples', { name: group.linears[0] ?? 'group' })
  const gram = await gramOf(samples, scales, compute)
  for (const linear of linears) {
    const name = `${linear}.weight`
    const weight = block.tensor(name)
    const { limits } = await awqClip(weight, gram, groupSize, gridOf(options), compute)
    block.replace(name, clamped(weight, limits, groupSize))
  }
}

/** Σ x xᵀ over the samples, with the group's scales taken out of x. */
async function gramOf(samples: TensorF32, scales: Float64Array | undefined, compute: Compute): Promise<Float64Array> {
  const [rows, cols] = samples.shape as [number, number]
  const data = Float64Array.from(samples.data)
  if (scales) for (let i = 0; i < data.length; i++) data[i]! /= scales[i % cols]!
  const x = { rows, cols, data }
  return (await compute.gemm(x, x, { transA: true })).data
}

export const awq: TransformMethod<AwqOptions> = {
  kind: 'transform',
  name: 'awq',
  title: 'AWQ: activation-aware scales',
  paper: 'arXiv:2306.00978',
  options: z.strictObject({
    ...gridFields,
    groupSize: gridFields.groupSize.refine(
      size => size !== 0,
      'awq has no grid for the whole matrix; use -1, one a row',
    ),
    symmetric: z.boolean().default(false).describe('Whether the weight method that follows is symmetric.'),
    objective: z
      .enum(['module', 'gram'])
      .default('module')
      .describe(
        'Judge a scale by the output of the enclosing module (the paper), or of the linears alone (no forward pass).',
      ),
    ratios: z.int().min(1).max(100).default(20).describe('Exponents that are tried: 0, 1/n … (n−1)/n.'),
    clip: z
      .boolean()
      .default(true)
      .describe('Afterwards draw in the largest weights of each group where that lowers the error.'),
  }),
  needs: ({ objective, clip }) => [
    'sumAbs',
    ...(objective === 'gram' ? (['gram'] as const) : []),
    ...(clip ? (['samples'] as const) : []),
  ],
  async transform(block, options, { compute, note }) {
    const chosen = new Map<LayerGroup, AwqChoice>()
    // All groups are searched on the block as it was, then all are folded: folding one changes the input of the next.
    for (const group of block.groups)
      if (group.producer) {
        compute.signal?.throwIfAborted()
        chosen.set(group, await searchGroup(block, group, options, compute))
      }
    const statistics = new Map(block.groups.map(group => [group, block.statistics(group)]))
    for (const [group, { scales, index, losses }] of chosen) {
      foldScales(block, group, scales)
      const gain = losses[0]! > 0 ? losses[index]! / losses[0]! : 1
      note({ code: 'awq-scale', message: `${group.linears[0]}: ratio ${index}/${options.ratios}`, value: gain })
    }
    if (!options.clip) return
    for (const group of block.groups)
      await clipGroup(block, group, statistics.get(group)!, chosen.get(group)?.scales, options, compute)
  },
}
