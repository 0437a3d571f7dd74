import type { HistoryStep } from '../train/history.ts'
import type { TrainCurve } from './train-report.ts'

/** More points than a screen has columns say nothing more, and a file of a million steps is slow to open. */
const MOST_POINTS = 2000

/** Steps as columns; where there are more than `most`, means over runs of steps. */
export function trainCurve(steps: readonly HistoryStep[], most: number = MOST_POINTS): TrainCurve {
  const width = Math.max(1, Math.ceil(steps.length / most))
  const points = Array.from({ length: Math.ceil(steps.length / width) }, (_, i) =>
    steps.slice(i * width, (i + 1) * width),
  )
  const column = (of: (step: HistoryStep) => number) => points.map(point => mean(point.map(of)))
  const names = Object.keys(steps[0]?.terms ?? {})
  return {
    step: points.map(point => point.at(-1)!.step),
    terms: Object.fromEntries(names.map(name => [name, column(({ terms }) => terms[name]!)])),
    gradientNorm: column(step => step.gradientNorm),
    learningRate: column(step => step.learningRate),
    tokensPerSecond: points.map(
      point => sum(point.map(step => step.tokens)) / Math.max(1e-9, sum(point.map(step => step.seconds))),
    ),
  }
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)

const mean = (values: readonly number[]): number => sum(values) / values.length
