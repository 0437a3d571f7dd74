import { cell, dot, line, text } from '@observablehq/plot'
import { draw, figure, type LegendEntry, logTicks } from './chart.ts'
import { formatBits, formatNumber } from './format.ts'
import type { Html } from './html.ts'
import { seriesColour } from './palette.ts'
import type { ReportLayer } from './report.ts'

interface Placed {
  readonly block: number
  readonly kind: string
  readonly bits: number
  readonly error: number
}

/** Which matrix of a block a layer is, for people: `q_proj`. */
export function kindOf({ kind, name }: ReportLayer): string {
  return (kind ?? name.replace(/\.weight$/, '')).split('.').at(-1)!
}

function placed(layers: readonly ReportLayer[]): Placed[] {
  return layers.flatMap(layer =>
    typeof layer.block === 'number'
      ? [{ block: layer.block, kind: kindOf(layer), bits: layer.bits ?? Number.NaN, error: layer.error ?? Number.NaN }]
      : [],
  )
}

const kindsOf = (rows: readonly Placed[]): string[] => [...new Set(rows.map(row => row.kind))]

const blockAxis = (rows: readonly Placed[]) => {
  const blocks = [...new Set(rows.map(row => row.block))].sort((a, b) => a - b)
  const step = Math.ceil(blocks.length / 8)
  return { label: 'block', domain: blocks, ticks: blocks.filter((_, i) => i % step === 0) }
}

/** Relative output error by block, one line for each kind of matrix. */
export function errorChart(layers: readonly ReportLayer[]): Html | undefined {
  const rows = placed(layers).filter(row => row.error > 0)
  if (rows.length === 0) return undefined
  const kinds = kindsOf(rows)
  const colour = (row: Placed) => seriesColour(kinds.indexOf(row.kind))
  const chart = draw({
    height: 280,
    marginLeft: 52,
    marginBottom: 36,
    x: { ...blockAxis(rows), type: 'point', padding: 0.3 },
    y: { type: 'log', label: null, grid: true, tickFormat: formatNumber, ticks: logTicks(rows.map(row => row.error)) },
    marks: [
      line(rows, { x: 'block', y: 'error', z: 'kind', stroke: colour, strokeWidth: 1.5 }),
      dot(rows, { x: 'block', y: 'error', fill: colour, r: 2.5, title: titleOf(row => formatNumber(row.error)) }),
    ],
  })
  const legend: LegendEntry[] = kinds.map((label, i) => ({ label, colour: seriesColour(i) }))
  return figure(
    'Error of each layer',
    'Share of the layer’s output on the calibration text that the change moves, tr(ΔW G ΔWᵀ) / tr(W G Wᵀ). Logarithmic.',
    chart,
    legend,
  )
}

const titleOf = (value: (row: Placed) => string) => (row: Placed) => `block ${row.block}, ${row.kind}: ${value(row)}`

/** Stored bits a weight, a cell for each layer. */
export function bitsChart(layers: readonly ReportLayer[]): Html | undefined {
  const rows = placed(layers).filter(row => row.bits >= 0)
  if (rows.length === 0) return undefined
  const most = Math.max(...rows.map(row => row.bits))
  const opacity = (bits: number) => 0.12 + 0.88 * (most > 0 ? bits / most : 0)
  const kinds = kindsOf(rows)
  const axis = blockAxis(rows)
  const chart = draw({
    height: 50 + 26 * kinds.length,
    marginLeft: 86,
    marginBottom: 36,
    x: { ...axis, type: 'band', padding: 0.06 },
    y: { label: null, domain: kinds, padding: 0.06, tickSize: 0 },
    marks: [
      cell(rows, {
        x: 'block',
        y: 'kind',
        fill: seriesColour(0),
        fillOpacity: { value: (row: Placed) => opacity(row.bits), scale: null },
        title: titleOf(row => `${formatBits(row.bits)} bits`),
      }),
      // A label fits into a cell of a ninth of the width.
      ...(axis.domain.length <= 9 ? [bitLabels(rows, most)] : []),
    ],
  })
  return figure(
    'Bits a weight',
    'What is stored for each weight of a layer, scales, zero points and indices included.',
    chart,
    bitsLegend(rows, opacity),
  )
}

const bitLabels = (rows: readonly Placed[], most: number) =>
  text(rows, {
    x: 'block',
    y: 'kind',
    text: row => formatBits(row.bits),
    fill: row => (row.bits > most / 2 ? 'var(--page)' : 'var(--ink)'),
  })

/** The numbers that occur, when they are few; else the ends. */
function bitsLegend(rows: readonly Placed[], opacity: (bits: number) => number): LegendEntry[] {
  const all = [...new Set(rows.map(row => Number(row.bits.toFixed(2))))].sort((a, b) => a - b)
  const shown = all.length <= 6 ? all : [all[0]!, all[all.length - 1]!]
  return shown.map(bits => ({ label: `${formatBits(bits)} bits`, colour: seriesColour(0), opacity: opacity(bits) }))
}
