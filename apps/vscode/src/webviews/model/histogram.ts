import { magnitudeEdge } from '../../shared/magnitude-edge.ts'
import type { TensorValues } from '../../shared/model-reader.ts'
import { countText, valueText } from '../../shared/units.ts'
import type { Translate } from '../../shared/viewer-strings.ts'
import { choice, element, folded, labelled, table } from '../shared/dom.ts'
import { freshContext, keepDrawn, type Theme } from './theme.ts'

export interface Bin {
  readonly from: number
  readonly to: number
  readonly count: number
}

type Scale = 'value' | 'magnitude'

/** Bins from the lowest value to the highest, in either of the two scales. */
export function binsOf({ histogram, magnitudes }: TensorValues, scale: Scale): Bin[] {
  if (scale === 'value') {
    const { from, width, counts } = histogram
    return counts.map((count, i) => ({ from: from + i * width, to: from + (i + 1) * width, count }))
  }
  const { first, negative, positive, zeros } = magnitudes
  const edge = (i: number): number => magnitudeEdge(first + i)
  const below = negative.map((count, i) => ({ from: -edge(i + 1), to: -edge(i), count })).reverse()
  const above = positive.map((count, i) => ({ from: edge(i), to: edge(i + 1), count }))
  return [...below, { from: 0, to: 0, count: zeros }, ...above]
}

const [WIDTH, HEIGHT, FOOT] = [480, 140, 18]

export function histogramView(values: TensorValues, t: Translate): HTMLElement {
  const scale = choice([
    ['value', t('byValue')],
    ['magnitude', t('byMagnitude')],
  ])
  const log = element('input', { type: 'checkbox' })
  const canvas = element('canvas', { class: 'chart', role: 'img' })
  const asTable = element('div')
  const current = (): Bin[] => binsOf(values, scale.value as Scale)
  const draw = keepDrawn(canvas, theme => drawBins(canvas, current(), log.checked, theme))
  const update = (): void => {
    const bins = current()
    canvas.setAttribute('aria-label', labelOf(bins, t))
    asTable.replaceChildren(folded(t('asTable'), () => binTable(current(), t)))
    draw()
  }
  scale.addEventListener('change', update)
  log.addEventListener('change', update)
  update()
  const controls = element('div', { class: 'controls' }, labelled(t('bins'), scale), labelled(t('logCounts'), log))
  return element('section', {}, element('h3', {}, t('histogram')), controls, canvas, asTable)
}

function labelOf(bins: readonly Bin[], t: Translate): string {
  const total = bins.reduce((sum, { count }) => sum + count, 0)
  const largest = bins.reduce((most, { count }) => Math.max(most, count), 0)
  const [from, to] = [bins[0]?.from ?? 0, bins.at(-1)?.to ?? 0]
  return t('histogramLabel', countText(total), bins.length, valueText(from), valueText(to), countText(largest))
}

const binTable = (bins: readonly Bin[], t: Translate): HTMLElement =>
  table(
    t('histogram'),
    [t('from'), t('to'), t('count')],
    bins.map(({ from, to, count }) => [valueText(from), valueText(to), countText(count)]),
  )

function drawBins(canvas: HTMLCanvasElement, bins: readonly Bin[], log: boolean, theme: Theme): void {
  const context = freshContext(canvas, WIDTH, HEIGHT)
  const height = (count: number): number => (log ? Math.log1p(count) : count)
  const largest = bins.reduce((most, { count }) => Math.max(most, height(count)), 0) || 1
  const width = WIDTH / Math.max(1, bins.length)
  context.fillStyle = theme.bar
  bins.forEach(({ count }, i) => {
    if (count === 0) return
    // A bin that has something is seen, however little it is.
    const tall = Math.max(1, ((HEIGHT - FOOT) * height(count)) / largest)
    context.fillRect(i * width, HEIGHT - FOOT - tall, Math.max(1, width - (width > 4 ? 1 : 0)), tall)
  })
  context.fillStyle = theme.text
  context.fillRect(0, HEIGHT - FOOT, WIDTH, 1)
  context.font = '11px sans-serif'
  context.fillText(valueText(bins[0]?.from ?? null), 2, HEIGHT - 4)
  context.textAlign = 'right'
  context.fillText(valueText(bins.at(-1)?.to ?? null), WIDTH - 2, HEIGHT - 4)
  const zero = bins.findIndex(({ from, to }) => from <= 0 && to >= 0 && (from !== to || from === 0))
  if (zero <= 0) return
  context.textAlign = 'center'
  context.fillText('0', (zero + (bins[zero]!.to === 0 && bins[zero]!.from < 0 ? 1 : 0)) * width, HEIGHT - 4)
}
