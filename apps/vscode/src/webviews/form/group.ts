import { type NamedField, objectOf, own } from '../../shared/form-fields.ts'
import type { FormMark, Path } from '../../shared/form-messages.ts'
import { visibleText } from '../../shared/visible-text.ts'
import { element } from '../shared/dom.ts'
import { fieldPart } from './field.ts'
import { type FormContext, MOST_ENTRIES, markList, marksBelow, type Part } from './part.ts'
import { rawValue } from './raw-value.ts'

/**
 * The fields of an object, and its keys that the schema does not have.
 * @param apart a key that is drawn by who calls
 */
export function group(fields: readonly NamedField[], path: Path, context: FormContext, apart?: string): Part {
  const parts = fields.map(named => ({ name: named.name, part: fieldPart(named, [...path, named.name], context) }))
  const strange = element('div', { class: 'strange' })
  const unknown = new Map<string, Part>()
  const names = new Set([...fields.map(({ name }) => name), ...(apart === undefined ? [] : [apart])])
  return {
    element: element('div', { class: 'group' }, ...parts.map(({ part }) => part.element), strange),
    update(value, marks) {
      for (const { name, part } of parts) part.update(own(value, name), marksBelow(marks, name))
      const keys = Object.keys(objectOf(value) ?? {}).filter(key => !names.has(key) && !key.startsWith('$'))
      const kept = keys.slice(0, MOST_ENTRIES)
      for (const [key, { element }] of unknown) {
        if (kept.includes(key)) continue
        element.remove()
        unknown.delete(key)
      }
      for (const key of kept) {
        const part = unknown.get(key) ?? unknownPart(key, [...path, key], context)
        if (!unknown.has(key)) strange.append(part.element)
        unknown.set(key, part)
        part.update(own(value, key), marksBelow(marks, key))
      }
    },
  }
}

function unknownPart(key: string, path: Path, context: FormContext): Part {
  const raw = rawValue(path, context)
  const marks = markList()
  return {
    element: element(
      'div',
      { class: 'field' },
      element('span', { class: 'name' }, visibleText(key)),
      raw.element,
      marks.element,
    ),
    update(value, found: readonly FormMark[]) {
      raw.show(value)
      marks.show(found)
    },
  }
}
