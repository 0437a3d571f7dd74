import type { Model } from '@sinter/model'
import type { CalibrationPlan, Plan, PlanRow, Step } from './plan.ts'
import type { TensorRole } from './tensors.ts'

/** What the machine does in a second; measured values replace these where somebody has them. */
export interface MachineRates {
  /** GFLOP/s of one thread in large f32 products. */
  readonly gflops: number
  /** GFLOP/s of one thread in the column solver and the f64 factorizations. */
  readonly solverGflops: number
  /** Weights that one thread rounds in a microsecond, search of the range included. */
  readonly roundedPerMicrosecond: number
  /** Bytes read, converted and written in a second. */
  readonly diskBytes: number
}

/** Two-core AVX2 machine; others differ by a factor of two, which the estimate says. */
export const assumedRates: MachineRates = { gflops: 60, solverGflops: 5, roundedPerMicrosecond: 8, diskBytes: 3e8 }

export interface Workload {
  readonly model: Model
  readonly rows: readonly PlanRow[]
  readonly tensors: readonly TensorRole[]
  readonly transforms: readonly Step[]
  readonly calibration: CalibrationPlan | undefined
  readonly threads: number
  readonly outputBytes: number
  readonly rates?: Partial<MachineRates> | undefined
}

const mebi = 2 ** 20

/** Node, our code and a tokenizer; with calibration ONNX Runtime, its arenas and the worker threads. Measured. */
const idleBytes = 150 * mebi
const runtimeBytes = 150 * mebi

/** Tokens that go through a block at once. */
const batchTokens = 2048

/** Seconds, peak memory and disk of a run, for both places of the calibration cache. */
export function estimate(work: Workload): Plan['estimate'] & { readonly memoryOnDisk: number } {
  const memoryOnDisk = restBytes(work) + (work.calibration ? carriedBytes(work, batchTokens) : 0)
  const memoryBytes = restBytes(work) + (work.calibration ? carriedBytes(work, tokensOf(work)) : 0)
  const seconds = secondsOf(work)
  return { seconds, memoryBytes, memoryOnDisk, diskBytes: diskOf(work), outputBytes: work.outputBytes }
}

const tokensOf = ({ calibration }: Workload): number => (calibration ? calibration.samples * calibration.length : 0)

/** Hidden states of the calibration set: what enters the block, and what is carried beside it. */
const carriedBytes = ({ model }: Workload, tokens: number): number => 4 * tokens * model.config.hiddenSize * 2

const linearsOf = ({ tensors }: Workload): TensorRole[] => tensors.filter(t => t.role === 'linear')

/** Widths of the inputs whose Gram matrix some method wants, one for each group of matrices. */
function gramWidths(work: Workload): number[] {
  const compressed = new Set(work.rows.filter(row => row.steps.some(needsGram)).map(row => row.tensor))
  const all = work.transforms.some(needsGram)
  const widths = new Map<string, number>()
  for (const { tensor, block, group } of linearsOf(work))
    if (all || compressed.has(tensor)) widths.set(`${block} ${group!.linears[0]}`, group!.width)
  return [...widths.values()]
}

const needsGram = ({ method, options }: Step): boolean => method.needs(options).includes('gram')

/** Products of `[tokens, in]` with every linear layer, and the scores of attention. */
function forwardFlops(work: Workload): number {
  const { model, calibration } = work
  if (!calibration) return 0
  const weights = linearsOf(work).reduce((sum, { matrix }) => sum + matrix![0] * matrix![1], 0)
  const { heads, headDim } = model.config
  const attention = 4 * calibration.length * heads * headDim * model.blocks
  return tokensOf(work) * (2 * weights + attention)
}

function secondsOf(work: Workload): number {
  const rates = { ...assumedRates, ...work.rates }
  const forward = forwardFlops(work)
  // A Gram is symmetric: half of its products are computed.
  const grams = gramWidths(work).reduce((sum, width) => sum + tokensOf(work) * width * width, 0)
  const passes = 1 + work.transforms.length
  const products = passes * (forward + grams) + searchFlops(work, forward)
  const solver = solverFlops(work)
  const rounded = roundedWeights(work)
  const parallel =
    products / rates.gflops / 1e9 + solver / rates.solverGflops / 1e9 + rounded / rates.roundedPerMicrosecond / 1e6
  const parameters = work.rows.reduce((sum, { shape }) => sum + shape.reduce((n, d) => n * d, 1), 0)
  const disk = (2 * parameters + work.outputBytes) / rates.diskBytes
  return 0.5 + parallel / work.threads + disk
}

/** How many weights are rounded in all: by every weight method, and at every scale that a transform tries. */
function roundedWeights({ rows, tensors, transforms }: Workload): number {
  const compressed = rows.reduce((sum, { steps, shape }) => sum + steps.length * shape.reduce((n, d) => n * d, 1), 0)
  const linears = tensors.reduce((sum, { matrix }) => sum + (matrix ? matrix[0] * matrix[1] : 0), 0)
  return compressed + transforms.reduce((sum, step) => sum + triesOf(step) * linears, 0)
}

const triesOf = ({ options }: Step): number => Number((options as Record<string, unknown>).ratios ?? 0)

/** A transform that tries scales runs half a block on one batch for each of them and each of four groups. */
function searchFlops({ transforms, calibration }: Workload, forward: number): number {
  if (!calibration) return 0
  const share = Math.min(1, batchTokens / (calibration.samples * calibration.length))
  return transforms.reduce((sum, step) => sum + triesOf(step) * 2 * share * forward, 0)
}

/** Factor of the inverse, ⅔ d³ in f64, and one update of every column by those before it, o·d². */
function solverFlops(work: Workload): number {
  const factors = gramWidths(work).reduce((sum, width) => sum + (2 / 3) * width ** 3, 0)
  const solved = work.rows.filter(row => row.steps.some(needsGram))
  return solved.reduce((sum, { shape }) => sum + shape[0]! * shape[1]! ** 2, factors)
}

/** Everything but the calibration set: one block, its statistics, and the batch in work. */
function restBytes(work: Workload): number {
  const { model, calibration } = work
  const block = 4 * largestBlock(work.tensors)
  if (!calibration) return idleBytes + 2 * block
  const widest = Math.max(0, ...gramWidths(work))
  // The sum, its two copies for the factorization, and the factor.
  const grams = 8 * 4 * widest * widest
  const batch = 4 * batchTokens * (3 * model.config.intermediateSize + 4 * model.config.hiddenSize)
  const scores = 4 * Math.max(batchTokens, calibration.length) * calibration.length * model.config.heads
  return idleBytes + runtimeBytes + 2 * block + grams + batch + scores
}

function largestBlock(tensors: readonly TensorRole[]): number {
  const sizes = new Map<number, number>()
  for (const { block, shape } of tensors)
    if (block !== null) sizes.set(block, (sizes.get(block) ?? 0) + shape.reduce((n, dim) => n * dim, 1))
  return Math.max(0, ...sizes.values())
}

/** Output, journal (compressed blocks, rewritten tensors, two snapshots of the activations) and the cache on disk. */
function diskOf(work: Workload): number {
  const blocks = work.rows.reduce((sum, row) => sum + journalled(row, work.transforms.length > 0), 0)
  return work.outputBytes + blocks + 2 * carriedBytes(work, tokensOf(work))
}

function journalled({ action, bitsPerWeight, shape, block }: PlanRow, transformed: boolean): number {
  const size = shape.reduce((n, dim) => n * dim, 1)
  const dense = transformed && block !== null ? 4 * size : 0
  return dense + (action === 'compress' ? (bitsPerWeight / 8) * size : 0)
}
