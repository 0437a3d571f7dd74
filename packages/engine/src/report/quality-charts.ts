import { dot, ruleY, text } from '@observablehq/plot'
import { draw, figure, logTicks } from './chart.ts'
import { formatEstimate, formatNumber } from './format.ts'
import type { Html } from './html.ts'
import { seriesColour } from './palette.ts'
import type { ReportKl, ReportQuality } from './report.ts'

interface Mark {
  readonly label: string
  readonly value: number
  readonly se: number
  readonly colour: string
}

/** Perplexity of both, with one standard error to each side. */
export function perplexityChart({ base, model }: ReportQuality): Html | undefined {
  const rows: Mark[] = [
    ...(base ? [{ label: 'original', value: base.ppl, se: base.se ?? 0, colour: seriesColour(7) }] : []),
    ...(model ? [{ label: 'compressed', value: model.ppl, se: model.se ?? 0, colour: seriesColour(0) }] : []),
  ]
  if (rows.length === 0) return undefined
  const caption =
    'exp of the mean negative log-likelihood of a token; the bar is one standard error over tokens. Both saw the same text, so their difference is surer than the bars.'
  return figure('Perplexity', caption, estimates(rows, 'linear'))
}

/** Mean divergence with its standard error, and how it is spread over tokens. */
export function klChart(kl: ReportKl): Html {
  const spread: [string, number | undefined][] = [
    ['median', kl.median],
    ['90 %', kl.p90],
    ['99 %', kl.p99],
    ['99.9 %', kl.p999],
  ]
  const rows: Mark[] = [
    { label: 'mean', value: kl.mean, se: kl.se ?? 0, colour: seriesColour(0) },
    ...spread.flatMap(([label, value]) =>
      value === undefined ? [] : [{ label, value, se: 0, colour: seriesColour(7) }],
    ),
  ]
  const logarithmic = rows.every(row => row.value - row.se > 0)
  const caption = `KL(original ‖ compressed) of the next token, nats; the bar is one standard error of the mean, the rest are percentiles over tokens.${logarithmic ? ' Logarithmic.' : ''}`
  return figure('Divergence from the original', caption, estimates(rows, logarithmic ? 'log' : 'linear'))
}

function estimates(rows: readonly Mark[], type: 'linear' | 'log'): Html {
  const ticks = type === 'log' ? logTicks(rows.flatMap(row => [row.value - row.se, row.value + row.se])) : 4
  return draw({
    height: 50 + 30 * rows.length,
    marginLeft: 82,
    marginRight: 96,
    x: { type, label: null, grid: true, nice: type === 'linear', ticks, tickFormat: formatNumber },
    y: { label: null, domain: rows.map(row => row.label), tickSize: 0, padding: 1 },
    marks: [
      ruleY(rows, {
        x1: row => row.value - row.se,
        x2: row => row.value + row.se,
        y: 'label',
        stroke: 'colour',
        strokeWidth: 3,
      }),
      dot(rows, { x: 'value', y: 'label', fill: 'colour', r: 5 }),
      text(rows, {
        x: row => row.value + row.se,
        y: 'label',
        text: row => formatEstimate(row.value, row.se),
        textAnchor: 'start',
        dx: 10,
      }),
    ],
  })
}
