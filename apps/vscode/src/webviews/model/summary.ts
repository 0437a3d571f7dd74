import { bitsOf, type ModelHeader } from '../../shared/model-reader.ts'
import { bitText, byteText, countText } from '../../shared/units.ts'
import type { Translate } from '../../shared/viewer-strings.ts'
import { visibleText } from '../../shared/visible-text.ts'
import { element, facts, folded, table } from '../shared/dom.ts'

/** What the whole model is: its size, its architecture, its types, its metadata. */
export function modelSummary(header: ModelHeader, t: Translate): HTMLElement {
  const { kind, tensors, values, bytes, encodings } = header
  const known = facts([
    [t('format'), kind],
    [t('tensors'), countText(tensors)],
    [t('values'), countText(values)],
    [t('bytes'), byteText(bytes)],
    [t('bitsPerValue'), bitText(bitsOf(header))],
    ...header.facts.map(([key, value]) => [t(key), visibleText(value)] as const),
  ])
  const types = table(
    t('types'),
    [t('type'), t('tensors'), t('values'), t('bitsPerValue'), t('bytes'), t('share')],
    encodings.map(share => [
      visibleText(share.encoding, 40),
      countText(share.tensors),
      countText(share.values),
      bitText(bitsOf(share)),
      byteText(share.bytes),
      `${bytes === 0 ? 0 : ((100 * share.bytes) / bytes).toFixed(1)}%`,
    ]),
  )
  return element(
    'section',
    { 'aria-label': t('model') },
    element('h2', {}, t('model')),
    known,
    types,
    metadata(header, t),
  )
}

function metadata({ metadata }: ModelHeader, t: Translate): HTMLElement {
  if (metadata.length === 0) return element('p', {}, t('noMetadata'))
  const rows = metadata.map(([key, value]) => [visibleText(key), visibleText(value, 2100)])
  return folded(`${t('metadata')} (${countText(rows.length)})`, () =>
    table(t('metadata'), [t('key'), t('value')], rows),
  )
}
