import type { ValueSummary } from '../../shared/model-reader.ts'
import { countText, valueText } from '../../shared/units.ts'
import type { Translate } from '../../shared/viewer-strings.ts'
import { element, folded, table } from '../shared/dom.ts'
import { freshContext, keepDrawn, type Theme } from './theme.ts'

const [WIDTH, HEIGHT] = [480, 90]

/**
 * Parts of an axis one beside the other: their range, and a standard deviation about their mean.
 * @param each indices in one part
 */
export function profileView(title: string, each: number, parts: readonly ValueSummary[], t: Translate): HTMLElement {
  const largest = parts.reduce((most, { absMax }) => Math.max(most, absMax ?? 0), 0)
  const label = t('profileLabel', title, countText(parts.length), valueText(largest))
  const canvas = element('canvas', { class: 'chart', role: 'img', 'aria-label': label })
  keepDrawn(canvas, theme => drawParts(canvas, parts, largest, theme))
  const asTable = folded(t('asTable'), () => partTable(title, each, parts, t))
  return element(
    'section',
    {},
    element('h3', {}, title),
    canvas,
    element('p', { class: 'hint' }, t('profileHint')),
    asTable,
  )
}

function partTable(title: string, each: number, parts: readonly ValueSummary[], t: Translate): HTMLElement {
  const head = [t('index'), t('min'), t('max'), t('mean'), t('std'), t('absMax'), t('kurtosis'), t('unbounded')]
  const rows = parts.map((part, i) => [
    each === 1 ? String(i) : `${i * each} –`,
    valueText(part.min),
    valueText(part.max),
    valueText(part.mean),
    valueText(part.std),
    valueText(part.absMax),
    valueText(part.kurtosis),
    countText(part.nan + part.positiveInfinity + part.negativeInfinity),
  ])
  return table(title, head, rows)
}

function drawParts(canvas: HTMLCanvasElement, parts: readonly ValueSummary[], largest: number, theme: Theme): void {
  const context = freshContext(canvas, WIDTH, HEIGHT)
  const y = (value: number): number => HEIGHT / 2 - (value / (largest || 1)) * (HEIGHT / 2 - 2)
  const width = WIDTH / Math.max(1, parts.length)
  const wide = Math.max(1, width - (width > 4 ? 1 : 0))
  parts.forEach(({ min, max, mean, std }, i) => {
    if (min === null || max === null || mean === null || std === null) return
    context.fillStyle = theme.bar
    context.globalAlpha = 0.4
    context.fillRect(i * width, y(max), wide, Math.max(1, y(min) - y(max)))
    context.globalAlpha = 1
    context.fillRect(i * width, y(mean + std), wide, Math.max(1, y(mean - std) - y(mean + std)))
    context.fillStyle = theme.text
    context.fillRect(i * width, y(mean), wide, 1)
  })
  context.fillStyle = theme.line
  context.fillRect(0, HEIGHT / 2, WIDTH, 1)
}
