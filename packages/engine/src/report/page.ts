import { z } from 'zod'
import { html, trusted } from './html.ts'
import { bitsChart, errorChart } from './layer-charts.ts'
import { klChart, perplexityChart } from './quality-charts.ts'
import { reportSchema } from './report.ts'
import { details, generations, header, notes, tiles } from './sections.ts'
import { sizeChart } from './size-chart.ts'
import { style } from './style.ts'

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
  const title = report.model?.name ?? 'Compression report'
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${title}</title>
<style>${trusted(style)}</style>
</head>
<body>
${header(report)}
${tiles(report)}
<div class="charts">${charts}</div>
${quality?.protocol && html`<p class="soft">Measured by ${quality.protocol}.</p>`}
${notes(report)}
${generations(report)}
${details(report)}
</body>
</html>
`.markup
}
