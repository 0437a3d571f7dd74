import { groupBy } from '../group-by.ts'
import type { Plan, PlanRow } from './plan.ts'

const columns = ['blocks', 'tensor', 'shape', 'action', 'scheme', 'bits', 'why'] as const

/**
 * The plan as a table for a terminal. Rows that are the same in several blocks are one line with their blocks.
 * @param width columns of the terminal; the last column is cut to fit
 */
export function formatPlan(plan: Plan, { width = 200 }: { readonly width?: number } = {}): string {
  const lines = groupRows(plan.rows).map(cells)
  const widths = columns.map((title, i) => Math.max(title.length, ...lines.map(line => line[i]!.length)))
  const draw = (line: readonly string[]) => fit(line.map((cell, i) => cell.padEnd(widths[i]!)).join('  '), width)
  return [
    heading(plan),
    '',
    draw(columns),
    ...lines.map(draw),
    '',
    ...footer(plan),
    ...plan.warnings.map(warning => `note: ${warning}`),
  ].join('\n')
}

const fit = (line: string, width: number): string => {
  const trimmed = line.trimEnd()
  return trimmed.length > width ? `${trimmed.slice(0, width - 1)}…` : trimmed
}

/** Equal rows of several blocks, in the order of the first. */
function groupRows(rows: readonly PlanRow[]): PlanRow[][] {
  return [...groupBy(rows, rowKey).values()]
}

const rowKey = (row: PlanRow): string =>
  JSON.stringify([
    row.block === null ? row.tensor : row.tensor.endsWith('.bias'),
    row.name,
    row.shape,
    row.action,
    row.scheme,
    row.bitsPerWeight,
    row.reason,
  ])

function cells(rows: readonly PlanRow[]): string[] {
  const row = rows[0]!
  return [
    row.block === null ? '' : ranges(rows.map(r => r.block!)),
    row.name,
    row.shape.join('×'),
    row.action,
    row.scheme,
    Number(row.bitsPerWeight.toFixed(3)).toString(),
    row.reason,
  ]
}

/** `0-3,7 (5)` */
function ranges(blocks: readonly number[]): string {
  const runs: [number, number][] = []
  for (const block of blocks.toSorted((a, b) => a - b)) {
    const last = runs.at(-1)
    if (last && block === last[1] + 1) last[1] = block
    else runs.push([block, block])
  }
  const text = runs.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(',')
  return blocks.length > 1 ? `${text} (${blocks.length})` : text
}

function heading({ model, transforms, output }: Plan): string {
  const size = `${(model.parameters / 1e6).toFixed(1)} M parameters, ${model.blocks} blocks`
  const before = transforms.length > 0 ? `; every block first: ${transforms.map(t => t.method.name).join(', ')}` : ''
  return `${model.path}: ${model.family}, ${size} → ${output.container} ${output.encoding}${before}`
}

function footer({ rows, calibration, threads, cache, propagate, estimate, memoryBudget }: Plan): string[] {
  const { seconds, memoryBytes, diskBytes, outputBytes } = estimate
  const average = averageBits(rows)
  return [
    ...(average === undefined ? [] : [`compressed matrices: ${average.toFixed(4)} bits a weight`]),
    ...(calibration
      ? [
          `calibration: ${calibration.samples} × ${calibration.length} tokens of ${calibration.text}; cache ${cache === 'disk' ? 'on disk' : 'in memory'}; ` +
            `inputs of the next layers from the ${propagate} ones`,
        ]
      : ['calibration: none needed']),
    `estimate: ${time(seconds)} on ${threads} threads (a factor of two either way), ${mib(memoryBytes)} of memory` +
      `${memoryBudget === undefined ? '' : ` of ${mib(memoryBudget)} allowed`}, ${mib(diskBytes)} of disk, ` +
      `output ${mib(outputBytes)}`,
  ]
}

/** Of all compressed matrices; undefined when there is none. */
export function averageBits(rows: readonly PlanRow[]): number | undefined {
  let bits = 0
  let weights = 0
  for (const { action, shape, bitsPerWeight } of rows) {
    if (action === 'keep') continue
    const count = shape.reduce((n, dim) => n * dim, 1)
    bits += bitsPerWeight * count
    weights += count
  }
  return weights > 0 ? bits / weights : undefined
}

const mib = (bytes: number): string => `${Math.max(1, Math.round(bytes / 2 ** 20))} MiB`

function time(seconds: number): string {
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`
}
