import { dot, line } from '@observablehq/plot'
import { draw, figure, logTicks } from './chart.ts'
import { formatNumber } from './format.ts'
import type { Html } from './html.ts'
import { seriesColour } from './palette.ts'
import type { TrainReport } from './train-report.ts'

interface Point {
  readonly step: number
  readonly value: number
}

const points = (steps: readonly number[], values: readonly number[]): Point[] =>
  steps.map((step, i) => ({ step, value: values[i]! }))

const size = { height: 260, marginLeft: 56, marginBottom: 36 }
const steps = { label: 'step', ticks: 6, tickFormat: formatNumber }

const title = ({ step, value }: Point): string => `step ${step}: ${formatNumber(value)}`

/** A term of the loss in training and, where something was held out, on that. */
export function lossChart({ curve, evaluations }: TrainReport, term: string): Html | undefined {
  const training = points(curve.step, curve.terms[term] ?? [])
  const heldOut = evaluations.flatMap(({ step, terms }) =>
    terms[term] === undefined ? [] : [{ step, value: terms[term] }],
  )
  if (training.length === 0) return undefined
  const [own, other] = [seriesColour(7), seriesColour(0)]
  const chart = draw({
    ...size,
    x: steps,
    y: { label: null, grid: true, nice: true, tickFormat: formatNumber },
    marks: [
      line(training, { x: 'step', y: 'value', stroke: own, strokeWidth: 1 }),
      line(heldOut, { x: 'step', y: 'value', stroke: other, strokeWidth: 2 }),
      dot(heldOut, { x: 'step', y: 'value', fill: other, r: 3, title }),
    ],
  })
  const legend = [
    { label: 'training', colour: own },
    ...(heldOut.length > 0 ? [{ label: 'held out', colour: other }] : []),
  ]
  return figure(titles[term] ?? term, captions[term] ?? 'Mean over the tokens to learn.', chart, legend)
}

const titles: Readonly<Record<string, string>> = {
  loss: 'Loss',
  crossEntropy: 'Cross-entropy',
  divergence: 'Divergence from the teacher',
}

const captions: Readonly<Record<string, string>> = {
  loss: 'What training makes smaller: mean over the tokens to learn, nats.',
  crossEntropy: 'Of the text, mean over the tokens to learn, nats.',
  divergence: 'Mean over the tokens to learn.',
}

export const learningRateChart = ({ curve }: TrainReport): Html | undefined =>
  lineChart('Learning rate', 'Of each step, as the schedule has it.', points(curve.step, curve.learningRate))

export const speedChart = ({ curve }: TrainReport): Html | undefined =>
  lineChart('Tokens a second', 'Read in training, padding included.', points(curve.step, curve.tokensPerSecond))

/** Logarithmic: what one looks for is orders of magnitude. */
export function gradientChart({ curve }: TrainReport): Html | undefined {
  const found = points(curve.step, curve.gradientNorm).filter(({ value }) => value > 0)
  const ticks = found.length > 0 ? logTicks(found.map(({ value }) => value)) : []
  return lineChart('Norm of the gradient', 'Over all trained tensors, before clipping. Logarithmic.', found, {
    type: 'log',
    ticks,
  })
}

function lineChart(name: string, caption: string, found: readonly Point[], axis = {}): Html | undefined {
  if (found.length === 0) return undefined
  const chart = draw({
    ...size,
    x: steps,
    y: { label: null, grid: true, tickFormat: formatNumber, ...axis },
    marks: [
      line(found, { x: 'step', y: 'value', stroke: seriesColour(0), strokeWidth: 1.5 }),
      // A single step is a point, of which a line shows nothing.
      ...(found.length === 1 ? [dot(found, { x: 'step', y: 'value', fill: seriesColour(0), r: 3, title })] : []),
    ],
  })
  return figure(name, caption, chart)
}
