import { z } from 'zod'
import { sumSquares } from './clip.ts'
import { checkStep, type FloatArray, type Optimizer, type OptimizerStep, stateFloats, zerosLike } from './optimizer.ts'

export interface AdafactorOptions {
  readonly epsilon1: number
  readonly epsilon2: number
  readonly clipThreshold: number
  readonly decayRate: number
  readonly beta1: number
  readonly weightDecay: number
  readonly scaleParameter: boolean
  readonly relativeStep: boolean
  readonly warmupInit: boolean
}

/**
 * Adafactor: Shazeer and Stern, Algorithms 4 (matrices) and 5 (vectors), with the step sizes of Algorithm 6. Of a matrix
 * `[rows, cols]` it keeps the means of squared gradients by `row` and by `col`, of a vector all of them as `v`; with `beta1`
 * also `m`, as large as the tensor. Of more than two dimensions the first ones count matrices.
 */
export const adafactor: Optimizer<AdafactorOptions> = {
  name: 'adafactor',
  title: 'Adafactor',
  paper: 'arXiv:1804.04235',
  options: z.strictObject({
    epsilon1: z.number().positive().default(1e-30).describe('Added to squared gradients.'),
    epsilon2: z.number().min(0).default(1e-3).describe('Least size that a parameter is taken to have.'),
    clipThreshold: z.number().positive().default(1).describe('Largest root mean square of an update.'),
    decayRate: z.number().positive().default(0.8).describe('c of the decay 1 − t^−c of the second moment.'),
    beta1: z.number().min(0).lt(1).default(0).describe('Decay of the mean of updates, a step; 0: none is kept.'),
    weightDecay: z.number().min(0).default(0).describe('Pull of weights towards zero, times the size of the step.'),
    scaleParameter: z.boolean().default(true).describe('Steps in proportion to the root mean square of the parameter.'),
    relativeStep: z
      .boolean()
      .default(true)
      .describe('Steps of 1/√t; the learning rate (0.01 in the paper) is their limit.'),
    warmupInit: z.boolean().default(false).describe('With relativeStep: at most 1e-6 · t.'),
  }),
  piece: 'tensor',
  state(shape, { beta1 }, dtype) {
    const [cols = 1, rows] = [shape.at(-1), shape.at(-2)]
    const moments: Record<string, FloatArray> =
      rows === undefined
        ? { v: zerosLike(shape, dtype) }
        : { row: zerosLike(shape.slice(0, -1), dtype), col: zerosLike([...shape.slice(0, -2), cols], dtype) }
    return beta1 > 0 ? { ...moments, m: zerosLike(shape, dtype) } : moments
  },
  step(input) {
    checkStep(input)
    const { parameter, gradient, shape, options } = input
    if (parameter.length === 0) return
    const rate = stepSize(input)
    const factors = shape.length < 2 ? vectorFactors(input) : matrixFactors(input)
    const rms = Math.sqrt(updateSquares(gradient, factors) / parameter.length)
    const clipped = rate / Math.max(1, rms / options.clipThreshold)
    apply(input, factors, clipped, 1 - rate * options.weightDecay)
  },
}

/** Algorithm 6: α_t = max(ε₂, RMS(X)) · min(rate, 1/√t). */
function stepSize({ parameter, step, learningRate, options }: OptimizerStep<AdafactorOptions>): number {
  const { relativeStep, warmupInit, scaleParameter, epsilon2 } = options
  const warm = warmupInit ? 1e-6 * step : learningRate
  const relative = relativeStep ? Math.min(learningRate, warm, 1 / Math.sqrt(step)) : learningRate
  if (!scaleParameter) return relative
  return relative * Math.max(epsilon2, Math.sqrt(sumSquares(parameter) / parameter.length))
}

/**
 * The update is gradient · byRow · byCol: value j of line i takes byRow[i] and byCol[offset + j], where the offset moves on by
 * `cols` after every `rows` lines. A vector is one line, its factors all by column.
 */
interface Factors {
  readonly rows: number
  readonly cols: number
  readonly byRow: Float64Array
  readonly byCol: Float64Array
}

const offsetOf = (line: number, { rows, cols }: Pick<Factors, 'rows' | 'cols'>): number =>
  Math.floor(line / rows) * cols

function vectorFactors({ gradient, state, step, options }: OptimizerStep<AdafactorOptions>): Factors {
  const cols = gradient.length
  const v = stateFloats(state, 'v', cols)
  const byCol = new Float64Array(cols)
  for (let j = 0; j < cols; j++) byCol[j] = gradient[j]! * gradient[j]! + options.epsilon1
  blend(v, byCol, step ** -options.decayRate)
  for (let j = 0; j < cols; j++) byCol[j] = 1 / Math.sqrt(v[j]!)
  return { rows: 1, cols, byRow: Float64Array.of(1), byCol }
}

function matrixFactors({ gradient, state, shape, step, options }: OptimizerStep<AdafactorOptions>): Factors {
  const [rows, cols] = [shape.at(-2)!, shape.at(-1)!]
  const lines = gradient.length / cols
  const row = stateFloats(state, 'row', lines)
  const col = stateFloats(state, 'col', (lines / rows) * cols)
  const factors = { rows, cols, byRow: new Float64Array(row.length), byCol: new Float64Array(col.length) }
  meanSquares(gradient, factors, options.epsilon1)
  blend(row, factors.byRow, step ** -options.decayRate)
  blend(col, factors.byCol, step ** -options.decayRate)
  for (let from = 0; from < lines; from += rows) rowFactors(row, factors.byRow, from, from + rows)
  for (let j = 0; j < col.length; j++) factors.byCol[j] = 1 / Math.sqrt(col[j]!)
  return factors
}

/** Means over the lines of each matrix, and over its columns, of g² + ε₁. */
function meanSquares(gradient: FloatArray, factors: Factors, epsilon1: number): void {
  const { rows, cols, byRow, byCol } = factors
  for (let line = 0, at = 0; line < byRow.length; line++) {
    const offset = offsetOf(line, factors)
    let sum = 0
    for (let j = 0; j < cols; j++, at++) {
      const square = gradient[at]! * gradient[at]! + epsilon1
      sum += square
      byCol[offset + j]! += square
    }
    byRow[line] = sum / cols
  }
  for (let j = 0; j < byCol.length; j++) byCol[j]! /= rows
}

/** Moves means towards new ones. */
function blend(means: FloatArray, fresh: Float64Array, rise: number): void {
  for (let i = 0; i < means.length; i++) means[i] = (1 - rise) * means[i]! + rise * fresh[i]!
}

/** 1/√(row mean over the mean of all rows), for the rows of one matrix. */
function rowFactors(row: FloatArray, byRow: Float64Array, from: number, to: number): void {
  let sum = 0
  for (let i = from; i < to; i++) sum += row[i]!
  for (let i = from; i < to; i++) byRow[i] = Math.sqrt(sum / (to - from) / row[i]!)
}

/** Σ of the squared update. The update is computed twice: to keep it would take as much memory as the gradient. */
function updateSquares(gradient: FloatArray, factors: Factors): number {
  const { cols, byRow, byCol } = factors
  let total = 0
  for (let line = 0, at = 0; line < byRow.length; line++) {
    const offset = offsetOf(line, factors)
    let sum = 0
    for (let j = 0; j < cols; j++, at++) {
      const scaled = gradient[at]! * byCol[offset + j]!
      sum += scaled * scaled
    }
    total += sum * byRow[line]! * byRow[line]!
  }
  return total
}

function apply(input: OptimizerStep<AdafactorOptions>, factors: Factors, rate: number, keep: number): void {
  const { parameter, gradient, state, options } = input
  const { cols, byRow, byCol } = factors
  const { beta1 } = options
  const m = beta1 > 0 ? stateFloats(state, 'm', parameter.length) : undefined
  for (let line = 0, at = 0; line < byRow.length; line++) {
    const offset = offsetOf(line, factors)
    const scale = rate * byRow[line]!
    for (let j = 0; j < cols; j++, at++) {
      let update = scale * gradient[at]! * byCol[offset + j]!
      if (m) m[at] = update = beta1 * m[at]! + (1 - beta1) * update
      parameter[at] = keep * parameter[at]! - update
    }
  }
}
