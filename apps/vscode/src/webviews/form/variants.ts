import { type Field, listOf } from '../../shared/form-fields.ts'
import type { Path } from '../../shared/form-messages.ts'
import { choice, element } from '../shared/dom.ts'
import { type FormContext, MOST_ENTRIES, marksBelow, newId, type Part } from './part.ts'
import { type VariantCard, type VariantFocus, variantCard } from './variant-card.ts'

export type Variants = Extract<Field, { kind: 'variants' }>

/** A list of objects of several kinds: a card for each, and a kind to add. */
export function variantList(field: Variants, path: Path, context: FormContext): Part {
  const { t, change, announce } = context
  const list = element('ol', { class: 'cards' })
  const more = element('p', { class: 'hint', hidden: true })
  const cards: VariantCard[] = []
  let count = 0
  /** Where reading goes on after the next update. */
  let next: { readonly at: number; readonly what: VariantFocus } | undefined
  const moves = {
    move(at: number, by: -1 | 1): void {
      next = { at: at + by, what: by < 0 ? 'up' : 'down' }
      change({ type: 'swap', path, at: Math.min(at, at + by) })
    },
    remove(at: number): void {
      next = { at: Math.min(at, count - 2), what: 'remove' }
      change({ type: 'remove', path: [...path, at] })
    },
  }
  const kinds = choice(
    field.variants.map(({ value, description }) => [value, description ? `${value} — ${description}` : value]),
  )
  kinds.id = newId()
  const add = element('button', { type: 'button' }, t('add'))
  add.addEventListener('click', () => {
    next = { at: count, what: 'kind' }
    change({ type: 'append', path, value: { [field.key]: kinds.value } })
    announce(t('appended', kinds.value))
  })
  return {
    element: element(
      'div',
      {},
      list,
      more,
      element('div', { class: 'controls' }, element('label', { for: kinds.id }, t('kindToAdd')), kinds, add),
    ),
    update(value, marks) {
      const entries = listOf(value)
      const drawn = entries.slice(0, MOST_ENTRIES)
      const changed = entries.length !== count
      count = entries.length
      for (const gone of cards.splice(drawn.length)) gone.element.remove()
      for (const [at, entry] of drawn.entries()) {
        const card = cards[at] ?? variantCard(field, path, at, context, moves)
        if (!cards[at]) list.append(card.element)
        cards[at] = card
        card.place(count)
        card.update(entry, marksBelow(marks, at))
      }
      more.hidden = count <= MOST_ENTRIES
      more.textContent = t('moreEntries', count - MOST_ENTRIES)
      if (!next || (!changed && (next.what === 'kind' || next.what === 'remove'))) return
      const { at, what } = next
      next = undefined
      if (cards[at]) cards[at].focus(what)
      else kinds.focus()
    },
  }
}
