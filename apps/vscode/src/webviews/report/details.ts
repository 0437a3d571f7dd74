import type { LayerFacts, ReportFacts } from '../../shared/report-messages.ts'
import type { TranslateReport } from '../../shared/report-strings.ts'
import { bitText, countText, valueText } from '../../shared/units.ts'
import { visibleLines, visibleText } from '../../shared/visible-text.ts'
import { drawn, element, folded, table } from '../shared/dom.ts'

/** Long tables, made when they are opened. */
export function details(report: ReportFacts, t: TranslateReport): HTMLElement[] {
  const { layers, plan, recipe, timings, machine } = report
  const part = (title: string, count: number, make: () => Node): HTMLElement[] =>
    count === 0 ? [] : [folded(count > 1 ? `${title} (${countText(count)})` : title, make)]
  return [
    ...part(t('layers'), layers.length, () => layerTable(layers, t)),
    ...part(t('plan'), plan.length, () =>
      table(
        t('plan'),
        [t('tensor'), t('action'), t('scheme'), t('reason')],
        plan.map(row => [row.tensor, row.action, row.scheme, row.reason].map(orDash)),
      ),
    ),
    ...part(t('recipe'), recipe === '' ? 0 : 1, () => element('pre', { tabindex: 0 }, visibleLines(recipe))),
    ...part(t('timings'), timings.length, () =>
      table(
        t('timings'),
        [t('stage'), t('seconds')],
        timings.map(({ name, seconds }) => [visibleText(name), valueText(seconds)]),
      ),
    ),
    ...part(t('machine'), machine.length, () =>
      table(
        t('machine'),
        [t('fact'), t('value')],
        machine.map(({ name, value }) => [visibleText(name), visibleText(value)]),
      ),
    ),
  ]
}

const orDash = (text: string): string => (text === '' ? '–' : visibleText(text))

function layerTable(layers: readonly LayerFacts[], t: TranslateReport): HTMLElement {
  const worst = layers.reduce((most, { error = 0 }) => Math.max(most, error), 0)
  const rows = layers.map(({ name, method, bits, error, zeros, notes }) => [
    visibleText(name),
    orDash(method),
    bits === undefined ? '–' : bitText(bits),
    error === undefined ? '–' : errorCell(error, worst),
    zeros === undefined ? '–' : `${(100 * zeros).toFixed(1)} %`,
    orDash(notes),
  ])
  const head = [t('layer'), t('method'), t('bits'), t('error'), t('zeros'), t('remarks')]
  return element('div', {}, element('p', { class: 'hint' }, t('layersHint')), table(t('layers'), head, rows))
}

/** The number, and how it is to the worst. */
function errorCell(error: number, worst: number): Node {
  const width = worst > 0 ? Math.max(0, (60 * error) / worst) : 0
  const bar = drawn(
    'svg',
    { width: 60, height: 8, 'aria-hidden': 'true' },
    drawn('rect', { class: 'bar', width, height: 8 }),
  )
  return element('span', { class: 'measured' }, bar, valueText(error))
}
