import {
  formatBits,
  formatBytes,
  formatCount,
  formatDate,
  formatEstimate,
  formatNumber,
  formatPercent,
  formatSeconds,
} from './format.ts'
import { type Html, type HtmlValue, html } from './html.ts'
import type { Report } from './report.ts'
import { totalBytes } from './size-chart.ts'

/** The numbers that one looks for first. */
export function tiles({ size, layers, quality }: Report): Html | undefined {
  const shown = [
    size && sizeTile(size),
    layers && bitsTile(layers),
    quality?.model && {
      value: formatEstimate(quality.model.ppl, quality.model.se),
      label: quality.base ? `perplexity, original ${formatNumber(quality.base.ppl)}` : 'perplexity',
    },
    quality?.kl && { value: formatEstimate(quality.kl.mean, quality.kl.se), label: 'divergence, nats a token' },
    quality?.topAgreement && {
      value: formatPercent(quality.topAgreement.value),
      label: 'same most likely token',
    },
  ].filter(tile => tile !== undefined)
  return tileList(shown)
}

export interface Tile {
  readonly value: string
  readonly label: string
}

export function tileList(shown: readonly Tile[]): Html | undefined {
  if (shown.length === 0) return undefined
  return html`<ul class="tiles">${shown.map(({ value, label }) => html`<li><b>${value}</b><span>${label}</span></li>`)}</ul>`
}

function sizeTile({ before, after }: NonNullable<Report['size']>) {
  const total = totalBytes(after)
  const label = before
    ? `${(totalBytes(before) / total).toFixed(2)}× smaller than ${formatBytes(totalBytes(before))}`
    : 'size'
  return { value: formatBytes(total), label }
}

function bitsTile(layers: NonNullable<Report['layers']>) {
  const bits = layers.flatMap(layer => (typeof layer.bits === 'number' ? [layer.bits] : []))
  if (bits.length === 0) return undefined
  const [low, high] = [Math.min(...bits), Math.max(...bits)]
  const same = high - low < 0.005
  return {
    value: same ? formatBits(high) : `${formatBits(low)} – ${formatBits(high)}`,
    label: `bits a weight in ${bits.length} layers`,
  }
}

export function header({ model, output, date, tool }: Report): Html {
  const facts = [
    model?.family,
    model?.params !== undefined && `${formatCount(model.params)} parameters`,
    tool && `${tool.name} ${tool.version}`,
    date && formatDate(date),
  ].filter(Boolean)
  return html`<header><h1>${model?.name ?? 'Compression report'}</h1>
<p class="soft">${facts.join(' · ')}${output && html`<br>Result: ${output}`}</p></header>`
}

/** Rescues come before the tables: they are what one has to know. */
export function notes({ notes: list = [] }: Report): Html | undefined {
  if (list.length === 0) return undefined
  const rows = list.map(note => [note.layer, note.code, note.message])
  return html`<h2>Rescues and warnings</h2>${table(['layer', 'event', 'what happened'], rows)}`
}

/** @param after what the second one is called */
export function generations({ generations: list = [] }: Report, after = 'compressed'): Html | undefined {
  if (list.length === 0) return undefined
  const side = (label: string, text: string | undefined) =>
    text !== undefined && html`<div><span class="soft">${label}</span><div class="text">${text}</div></div>`
  const items = list.map(
    ({ prompt, base, model }) =>
      html`<p class="prompt">${prompt}</p><div class="pair">${side('original', base)}${side(after, model)}</div>`,
  )
  return html`<h2>The same prompt continued by both</h2>${items}`
}

export function details({ layers = [], plan = [], recipe, machine = {}, timings = {} }: Report): Html {
  return html`<h2>Details</h2>${[
    fold('Layers', layers.length, layerTable(layers)),
    fold('Plan', plan.length, planTable(plan)),
    fold('Recipe', recipe === undefined ? 0 : 1, html`<pre>${JSON.stringify(recipe, null, 2) ?? ''}</pre>`),
    fold('Seconds by stage', Object.keys(timings).length, pairs(timings, formatSeconds)),
    fold('Machine', Object.keys(machine).length, pairs(machine, String)),
  ]}`
}

export function fold(title: string, count: number, body: Html): Html | undefined {
  if (count === 0) return undefined
  return html`<details><summary>${title}${count > 1 && html` <span class="soft">${count}</span>`}</summary>${body}</details>`
}

function layerTable(layers: NonNullable<Report['layers']>): Html {
  const rows = layers.map(({ name, method, bits, error, sparsity, seconds, notes = [] }) => [
    name,
    method,
    number(bits, formatBits),
    number(error, formatNumber),
    number(sparsity, formatPercent),
    number(seconds, formatSeconds),
    notes.join('; '),
  ])
  return table(['layer', 'method', 'bits', 'error', 'zeros', 'time', 'notes'], rows)
}

const planTable = (plan: NonNullable<Report['plan']>): Html =>
  table(
    ['tensor', 'action', 'scheme', 'reason'],
    plan.map(({ tensor, action, scheme, reason }) => [tensor, action, scheme, reason]),
  )

export function pairs<T extends string | number>(
  record: Readonly<Record<string, T>>,
  format: (value: T) => string,
): Html {
  return table(
    [],
    Object.entries(record).map(([key, value]) => [key, format(value)]),
  )
}

export const number = (value: number | null | undefined, format: (value: number) => string): HtmlValue =>
  typeof value === 'number' ? html`<span class="number">${format(value)}</span>` : undefined

export function table(head: readonly string[], rows: readonly (readonly HtmlValue[])[]): Html {
  const used = rows[0]?.map((_, i) => rows.some(row => row[i] !== undefined && row[i] !== '')) ?? []
  const cells = (row: readonly HtmlValue[]) => row.flatMap((value, i) => (used[i] ? [html`<td>${value}</td>`] : []))
  const titles = head.flatMap((title, i) => (used[i] ? [html`<th>${title}</th>`] : []))
  return html`<div class="scroll"><table>${titles.length > 0 && html`<thead><tr>${titles}</tr></thead>`}
<tbody>${rows.map(row => html`<tr>${cells(row)}</tr>`)}</tbody></table></div>`
}
