import { z } from 'zod'
import { document } from './document.ts'
import { formatCount, formatNumber, formatPercent, formatSeconds } from './format.ts'
import { type Html, html } from './html.ts'
import { fold, generations, header, number, pairs, type Tile, table, tileList } from './sections.ts'
import { gradientChart, learningRateChart, lossChart, speedChart } from './train-charts.ts'
import { type TrainReport, trainReportSchema } from './train-report.ts'

/**
 * A report of a training as one HTML page that needs nothing else.
 * @param json what the report's file holds
 * @throws TypeError when it is not a report, with the places
 */
export function renderTrainPage(json: unknown): string {
  const parsed = trainReportSchema.safeParse(json)
  if (!parsed.success) throw new TypeError(`this is not a report of a training:\n${z.prettifyError(parsed.error)}`)
  const report = parsed.data
  const charts = [
    ...Object.keys(report.curve.terms).map(term => lossChart(report, term)),
    learningRateChart(report),
    gradientChart(report),
    speedChart(report),
  ]
  return document(
    report.model.name,
    html`${header(report)}
${tileList(tiles(report))}
<div class="charts">${charts}</div>
${generations(report, 'trained')}
${details(report)}`,
  )
}

function tiles({ evaluations, trained, model, steps, tokens, seconds, data }: TrainReport): Tile[] {
  const [before, after] = [evaluations[0]?.terms.loss, evaluations.at(-1)?.terms.loss]
  const values = trained.reduce((sum, kind) => sum + kind.values, 0)
  return [
    ...(before !== undefined && after !== undefined
      ? [{ value: formatNumber(after), label: `held-out loss, ${formatNumber(before)} before` }]
      : []),
    { value: formatCount(values), label: `values trained, ${formatPercent(values / model.params)} of the model` },
    {
      value: formatCount(steps),
      label: `steps on ${formatCount(data.rows)} rows of ${formatCount(data.documents)} documents`,
    },
    { value: formatCount(tokens), label: `tokens in ${formatSeconds(seconds)}` },
  ]
}

function details({ trained, evaluations, recipe, machine }: TrainReport): Html {
  return html`<h2>Details</h2>${[
    fold('Trained tensors', trained.length, trainedTable(trained)),
    fold('Held-out loss', evaluations.length, evaluationTable(evaluations)),
    fold('Recipe', 1, html`<pre>${JSON.stringify(recipe, null, 2) ?? ''}</pre>`),
    fold('Machine', 1, pairs(machine, String)),
  ]}`
}

const trainedTable = (trained: TrainReport['trained']): Html =>
  table(
    ['tensor', 'of them', 'values'],
    trained.map(({ name, tensors, values }) => [name, tensors, number(values, formatCount)]),
  )

function evaluationTable(evaluations: TrainReport['evaluations']): Html {
  const names = Object.keys(evaluations[0]?.terms ?? {})
  return table(
    ['step', ...names],
    evaluations.map(({ step, terms }) => [step, ...names.map(name => number(terms[name], formatNumber))]),
  )
}
