import { barX, text } from '@observablehq/plot'
import { draw, figure } from './chart.ts'
import { formatBytes } from './format.ts'
import type { Html } from './html.ts'
import { seriesColour } from './palette.ts'
import type { Report, ReportBytes } from './report.ts'

const parts = [
  ['untouched', 'untouched tensors'],
  ['values', 'values'],
  ['scales', 'scales'],
  ['zeroPoints', 'zero points'],
  ['indices', 'indices'],
  ['tokenizer', 'tokenizer'],
] as const

/** Grey for what no method touched, colours for what the compression made. */
const colours = [7, 0, 1, 2, 3, 5].map(seriesColour)

export const totalBytes = (bytes: ReportBytes): number => parts.reduce((sum, [key]) => sum + (bytes[key] ?? 0), 0)

/** Bytes before and after, by what they are spent on. */
export function sizeChart({ before, after }: NonNullable<Report['size']>): Html {
  const sides = [...(before ? [{ side: 'before', bytes: before }] : []), { side: 'after', bytes: after }]
  const rows = sides.flatMap(({ side, bytes }) =>
    parts.map(([key], i) => ({ side, bytes: bytes[key] ?? 0, colour: colours[i]! })),
  )
  const totals = sides.map(({ side, bytes }) => ({ side, total: totalBytes(bytes) }))
  const chart = draw({
    height: 50 + 46 * sides.length,
    marginLeft: 52,
    marginRight: 62,
    x: { label: null, grid: true, ticks: 4, tickFormat: formatBytes },
    y: { label: null, domain: sides.map(({ side }) => side), tickSize: 0, padding: 0.25 },
    marks: [
      barX(rows, {
        x: 'bytes',
        y: 'side',
        fill: 'colour',
        order: null,
        insetRight: 0.5,
        title: row => `${row.side}: ${formatBytes(row.bytes)}`,
      }),
      text(totals, { x: 'total', y: 'side', text: row => formatBytes(row.total), textAnchor: 'start', dx: 5 }),
    ],
  })
  const used = parts.flatMap(([key, label], i) =>
    sides.some(({ bytes }) => (bytes[key] ?? 0) > 0) ? [{ label, colour: colours[i]! }] : [],
  )
  return figure('Where the bytes go', 'Stored bytes by what they are spent on.', chart, used)
}
