import { own } from '../../shared/form-fields.ts'
import type { Path } from '../../shared/form-messages.ts'
import { visibleText } from '../../shared/visible-text.ts'
import { choice, element } from '../shared/dom.ts'
import { group } from './group.ts'
import { type FormContext, markList, marksBelow, newId, type Part, pathText, quietButton } from './part.ts'
import { rawValue, showRaw } from './raw-value.ts'
import type { Variants } from './variants.ts'

export type VariantFocus = 'up' | 'down' | 'remove' | 'kind'

export interface VariantCard extends Part {
  /** @param count of the list that it is in */
  place(count: number): void
  focus(what: VariantFocus): void
}

export interface VariantMoves {
  move(at: number, by: -1 | 1): void
  remove(at: number): void
}

/** One object of a list, of the kind that one of its keys tells. */
export function variantCard(
  { key, variants }: Variants,
  list: Path,
  at: number,
  context: FormContext,
  { move, remove }: VariantMoves,
): VariantCard {
  const { t, change, editText, announce } = context
  const path = [...list, at]
  const name = pathText(path)
  const told = (text: string, act: () => void) => (): void => {
    act()
    announce(text)
  }
  const buttons = {
    up: quietButton(
      t('up'),
      t('upOf', name),
      told(t('moved', name), () => move(at, -1)),
    ),
    down: quietButton(
      t('down'),
      t('downOf', name),
      told(t('moved', name), () => move(at, 1)),
    ),
    remove: quietButton(
      t('remove'),
      t('removeOf', name),
      told(t('removed', name), () => remove(at)),
    ),
    text: quietButton(t('editText'), t('editTextOf', name), () => editText(path)),
  }
  const kind = choice(variants.map(({ value }) => [value, value]))
  kind.id = newId()
  kind.addEventListener('change', () => change({ type: 'set', path: [...path, key], value: kind.value }))
  const title = element('h3', { id: newId() })
  const about = element('p', { class: 'hint' })
  const marks = markList()
  const raw = rawValue(path, context)
  const choose = element(
    'div',
    { class: 'field' },
    element('label', { for: kind.id, class: 'name' }, visibleText(key)),
    kind,
    about,
  )
  const fields = element('div')
  let shown: { readonly value: string; readonly part: Part } | undefined
  return {
    element: element(
      'li',
      { class: 'card', 'aria-labelledby': title.id },
      element('div', { class: 'controls' }, title, ...Object.values(buttons)),
      marks.element,
      choose,
      fields,
      raw.element,
    ),
    place(count) {
      buttons.up.disabled = at === 0
      buttons.down.disabled = at === count - 1
    },
    focus(what) {
      const wanted = what === 'kind' ? kind : buttons[what]
      const instead = what === 'up' ? buttons.down : buttons.up
      const target = wanted.disabled ? instead : wanted
      target.focus()
    },
    update(value, found) {
      const chosen = variants.find(variant => variant.value === own(value, key))
      title.textContent = `${at + 1}. ${chosen ? chosen.value : ''}`
      for (const part of [choose, fields]) part.hidden = !chosen
      showRaw(raw, value, !chosen)
      if (!chosen) {
        marks.show(found)
        return
      }
      kind.value = chosen.value
      about.textContent = chosen.description
      if (shown?.value !== chosen.value) {
        shown = { value: chosen.value, part: group(chosen.fields, path, context, key) }
        fields.replaceChildren(shown.part.element)
      }
      marks.show([...found.filter(mark => mark.path.length === 0), ...marksBelow(found, key)])
      shown.part.update(value, found)
    },
  }
}
