import type { RunPoint } from '../../shared/report-messages.ts'
import type { TranslateReport } from '../../shared/report-strings.ts'
import { bitText, byteText, valueText } from '../../shared/units.ts'
import { visibleText } from '../../shared/visible-text.ts'
import { choice, element, labelled, table } from '../shared/dom.ts'
import { type Axis, tradeOffChart } from './trade-off-chart.ts'

export interface TradeOff {
  readonly section: HTMLElement
  update(points: readonly RunPoint[]): void
}

/** Size against divergence of all runs of a model: a chart, and the same as a table. */
export function tradeOff(t: TranslateReport, onOpen: (run: string) => void): TradeOff {
  const section = element('section', { 'aria-label': t('tradeOff') })
  const across = choice([
    ['bytes', t('size')],
    ['bits', t('bits')],
  ])
  const controls = element('div', { class: 'controls' }, labelled(t('across'), across))
  const place = element('div')
  const said = element('output', { class: 'point' })
  let chosen: string | undefined
  let measured: readonly MeasuredPoint[] = []
  const draw = (): SVGSVGElement => {
    const axis = across.value === 'bits' ? bits : bytes
    const ordered = [...measured].sort((a, b) => axis.of(a) - axis.of(b))
    const chart = tradeOffChart(ordered, axis, t('tradeOffLabel', measured.length), point => pointText(point, t), {
      chosen: chosen ?? measured.find(({ here }) => here)?.id,
      onChoose(point) {
        chosen = point.id
        said.textContent = pointText(point, t)
      },
      onOpen: point => !point.here && onOpen(point.id),
    })
    place.replaceChildren(chart)
    return chart
  }
  across.addEventListener('change', draw)
  let begun = false
  return {
    section,
    update(points) {
      section.hidden = points.length === 0
      const focused = place.contains(document.activeElement)
      measured = points.filter(isMeasured)
      // Results that are not packed have all the size of the original: there the bits tell more.
      if (!begun && !differ(measured.map(bytes.of))) across.value = 'bits'
      begun = true
      const parts =
        measured.length === 0
          ? [element('p', { class: 'hint' }, t('noDivergence'))]
          : [element('p', { class: 'hint' }, t('tradeOffHint')), controls, place, said]
      section.replaceChildren(element('h2', {}, t('tradeOff')), ...parts, asTable(points, t, onOpen))
      if (measured.length === 0) return
      const chart = draw()
      if (focused) chart.focus()
    },
  }
}

const bytes: Axis = { of: ({ outputBytes }) => outputBytes, text: byteText }
const bits: Axis = { of: ({ bitsPerWeight }) => bitsPerWeight, text: bitText }

/** By more than a hundredth, which is what an eye can tell apart. */
const differ = (sizes: readonly number[]): boolean => Math.max(...sizes) > 1.01 * Math.min(...sizes)

/** One whose divergence can be drawn on a logarithmic scale; nothing lost is not. */
export interface MeasuredPoint extends RunPoint {
  readonly kl: number
}

const isMeasured = (point: RunPoint): point is MeasuredPoint => point.kl !== null && point.kl > 0

const pointText = (point: RunPoint, t: TranslateReport): string =>
  t(
    'point',
    visibleText(point.name),
    byteText(point.outputBytes),
    valueText(point.kl),
    bitText(point.bitsPerWeight),
    visibleText(point.methods),
  )

function asTable(points: readonly RunPoint[], t: TranslateReport, onOpen: (run: string) => void): HTMLElement {
  const rows = points.map(({ id, name, methods, outputBytes, bitsPerWeight, kl, perplexity, here }) => [
    visibleText(name),
    visibleText(methods),
    byteText(outputBytes),
    bitText(bitsPerWeight),
    valueText(kl),
    valueText(perplexity),
    here ? t('thisRun') : opener(id, name, t, onOpen),
  ])
  const head = [t('run'), t('methods'), t('size'), t('bits'), t('divergence'), t('perplexity'), t('open')]
  return table(t('tradeOff'), head, rows)
}

function opener(id: string, name: string, t: TranslateReport, onOpen: (run: string) => void): HTMLElement {
  const label = t('openRun', visibleText(name))
  const button = element('button', { type: 'button', 'aria-label': label, title: label }, t('open'))
  button.addEventListener('click', () => onOpen(id))
  return button
}
