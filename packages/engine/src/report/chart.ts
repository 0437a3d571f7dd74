import { type PlotOptions, plot } from '@observablehq/plot'
import { type Html, html, trusted } from './html.ts'
import { createSvgDocument } from './svg-document.ts'

/** Narrow on purpose: at this width the labels of a chart stay readable on a phone, and two fit beside each other on a desk. */
const WIDTH = 440

/** Draws a chart as SVG markup. */
export function draw(options: PlotOptions): Html {
  const document = createSvgDocument() as unknown as Document
  return trusted(String(plot({ document, width: WIDTH, ...options })))
}

export interface LegendEntry {
  readonly label: string
  readonly colour: string
  readonly opacity?: number
}

/** A chart with its title, what its axes mean, and its legend. */
export function figure(title: string, caption: string, chart: Html, legend: readonly LegendEntry[] = []): Html {
  const entries = legend.map(
    ({ label, colour, opacity = 1 }) =>
      html`<li><i style="background: ${colour}; opacity: ${opacity}"></i>${label}</li>`,
  )
  return html`<figure><h3>${title}</h3>${entries.length > 0 && html`<ul class="legend">${entries}</ul>`}${chart}
<figcaption>${caption}</figcaption></figure>`
}

/** Ticks of a logarithmic axis over positive values: powers of ten; within a single one also their halves and fifths. */
export function logTicks(values: readonly number[]): number[] {
  const [low, high] = [Math.min(...values), Math.max(...values)]
  const inside = (steps: readonly number[]) => {
    const powers = Array.from({ length: 40 }, (_, i) => 10 ** (i - 25))
    return powers.flatMap(power => steps.map(step => step * power)).filter(tick => tick >= low && tick <= high)
  }
  const powers = inside([1])
  return powers.length >= 3 ? powers : inside([1, 2, 5])
}
