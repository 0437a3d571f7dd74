import { bitsOf, type TensorRow, type TensorValues } from '../../shared/model-reader.ts'
import { bitText, byteText, countText, shapeText, valueText } from '../../shared/units.ts'
import type { Translate } from '../../shared/viewer-strings.ts'
import { visibleText } from '../../shared/visible-text.ts'
import { element, facts, labelled } from '../shared/dom.ts'
import { heatMapView } from './heat-map.ts'
import { histogramView } from './histogram.ts'
import type { Asking, HostLink } from './host-link.ts'
import { profileView } from './profile.ts'

/** Half a second of counting: more than that is asked for. */
const UNASKED_VALUES = 2e7

export interface TensorDetails {
  readonly section: HTMLElement
  show(tensor: TensorRow): void
}

/** What is known of the chosen tensor, and what its values say once they are read. */
export function tensorDetails(host: HostLink, t: Translate, announce: (text: string) => void): TensorDetails {
  const body = element('div', {}, element('p', {}, t('chooseTensor')))
  const section = element('section', { 'aria-label': t('tensor') }, element('h2', {}, t('tensor')), body)
  let running: Asking<TensorValues> | undefined

  const compute = async (tensor: TensorRow, place: HTMLElement): Promise<void> => {
    const progress = element('progress', { max: 1, 'aria-label': t('computing') })
    const cancel = element('button', { type: 'button' }, t('cancel'))
    const asking = host.ask('stats', { tensor: tensor.name }, (done, total) => {
      progress.value = total === 0 ? 1 : done / total
    })
    running = asking
    cancel.addEventListener('click', () => {
      asking.cancel()
      place.replaceChildren(offer(tensor, place))
      announce(t('cancelled'))
    })
    place.replaceChildren(element('p', {}, t('computing')), progress, cancel)
    try {
      place.replaceChildren(...valueViews(tensor, await asking.answer, host, t))
      announce(t('computed', visibleText(tensor.name)))
    } catch (error) {
      place.replaceChildren(
        element('p', { class: 'error', role: 'alert' }, visibleText((error as Error).message, 2000)),
      )
    }
  }
  const offer = (tensor: TensorRow, place: HTMLElement): HTMLElement => {
    const button = element('button', { type: 'button' }, t('compute', byteText(tensor.bytes)))
    button.addEventListener('click', () => void compute(tensor, place))
    return button
  }
  return {
    section,
    show(tensor) {
      running?.cancel()
      const place = element('div', { class: 'values' })
      body.replaceChildren(tensorFacts(tensor, t), place)
      if (tensor.values <= UNASKED_VALUES) void compute(tensor, place)
      else place.append(offer(tensor, place))
    },
  }
}

const tensorFacts = (tensor: TensorRow, t: Translate): HTMLElement =>
  facts([
    [t('name'), visibleText(tensor.name, 4000)],
    [t('type'), visibleText(tensor.encoding, 40)],
    [t('shape'), shapeText(tensor.shape) || t('scalar')],
    [t('values'), countText(tensor.values)],
    [t('bytes'), `${byteText(tensor.bytes)} (${countText(tensor.bytes)})`],
    [t('bitsPerValue'), bitText(bitsOf(tensor))],
  ])

function valueViews(tensor: TensorRow, values: TensorValues, host: HostLink, t: Translate): HTMLElement[] {
  const { total, rows, columnGroups } = values
  const numbers = facts([
    [t('min'), valueText(total.min)],
    [t('max'), valueText(total.max)],
    [t('mean'), valueText(total.mean)],
    [t('std'), valueText(total.std)],
    [t('absMax'), valueText(total.absMax)],
    [t('kurtosis'), valueText(total.kurtosis)],
    [t('zeros'), countText(total.zeros)],
    [
      t('unbounded'),
      t('unboundedCounts', countText(total.nan), countText(total.positiveInfinity), countText(total.negativeInfinity)),
    ],
  ])
  return [
    element('section', {}, element('h3', {}, t('statistics')), numbers),
    histogramView(values, t),
    heatMapView(values, t),
    profileView(t('rows'), rows.each, rows.parts, t),
    profileView(t('columnGroups', columnGroups.each), columnGroups.each, columnGroups.parts, t),
    rowGroups(tensor, values.matrix[0], host, t),
  ]
}

/** Groups within one row, as a quantizer sees them: for the row and the size that are typed in. */
function rowGroups(tensor: TensorRow, rows: number, host: HostLink, t: Translate): HTMLElement {
  const row = element('input', { type: 'number', min: 0, max: Math.max(0, rows - 1), value: 0 })
  const size = element('input', { type: 'number', min: 1, max: 65536, value: 32 })
  const place = element('div')
  let last = 0
  const update = async (): Promise<void> => {
    if (!row.checkValidity() || !size.checkValidity()) return
    const current = ++last
    const groupSize = size.valueAsNumber
    try {
      const groups = await host.ask('rowGroups', { tensor: tensor.name, row: row.valueAsNumber, groupSize }).answer
      if (current === last) place.replaceChildren(profileView(t('rowGroups'), groupSize, groups, t))
    } catch (error) {
      place.replaceChildren(element('p', { class: 'error' }, visibleText((error as Error).message, 2000)))
    }
  }
  const button = element('button', { type: 'button' }, t('show'))
  button.addEventListener('click', () => void update())
  for (const input of [row, size]) input.addEventListener('change', () => void update())
  const controls = element(
    'div',
    { class: 'controls' },
    labelled(t('row'), row),
    labelled(t('groupSize'), size),
    button,
  )
  return element('section', {}, element('h3', {}, t('rowGroups')), controls, place)
}
