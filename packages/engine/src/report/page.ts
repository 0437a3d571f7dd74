import { z } from 'zod'
import { document } from './document.ts'
import { html } from './html.ts'
import { bitsChart, errorChart } from './layer-charts.ts'
import { klChart, perplexityChart } from './quality-charts.ts'
import { reportSchema } from './report.ts'
import { details, generations, header, notes, tiles } from './sections.ts'
import { sizeChart } from './size-chart.ts'

/**
 * A report as one HTML page that needs nothing else: no network, no script; the charts are SVG.
 * @param json what `report.json` holds
 * @throws TypeError when it is not a report, with the places
 */
export function renderPage(json: unknown): string {
  const parsed = reportSchema.safeParse(json)
  if (!parsed.success) throw new TypeError(`this is not a report:\n${z.prettifyError(parsed.error)}`)
  const report = parsed.data
  const { layers = [], size, quality } = report
  const charts = [
    quality && perplexityChart(quality),
    quality?.kl && klChart(quality.kl),
    size && sizeChart(size),
    bitsChart(layers),
    errorChart(layers),
  ]
  return document(
    report.model?.name ?? 'Compression report',
    html`${header(report)}
${tiles(report)}
<div class="charts">${charts}</div>
${quality?.protocol && html`<p class="soft">Measured by ${quality.protocol}.</p>`}
${notes(report)}
${generations(report)}
${details(report)}`,
  )
}
