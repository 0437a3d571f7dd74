import { listOf } from '../../shared/form-fields.ts'
import type { Path } from '../../shared/form-messages.ts'
import { element } from '../shared/dom.ts'
import { type Control, typedControl } from './controls.ts'
import { type FormContext, MOST_ENTRIES, type Part } from './part.ts'

/** A list of texts: an input for each and one for the next. An entry that is emptied goes. */
export function textList(name: string, path: Path, { t, change }: FormContext, labelledBy: string): Part {
  const entries = element('div', { class: 'entries' })
  const more = element('p', { class: 'hint', hidden: true })
  const clearHint = element('p', { class: 'hint', hidden: true }, t('clearHint'))
  const shown: Control[] = []
  const fresh = element('input', { type: 'text', placeholder: t('add'), spellcheck: 'false' })
  fresh.setAttribute('aria-label', t('newEntry', name))
  fresh.addEventListener('change', () => {
    if (fresh.value === '') return
    change({ type: 'append', path, value: fresh.value })
    fresh.value = ''
  })
  const entry = (at: number, value: string): Control => {
    // An input would swallow the ends of lines.
    const input = value.includes('\n')
      ? element('textarea', { rows: 3 })
      : element('input', { type: 'text', spellcheck: 'false' })
    input.setAttribute('aria-label', t('entry', name, at + 1))
    const place = [...path, at]
    return typedControl(input, () => input.value, {
      onChange: text => change(text ? { type: 'set', path: place, value: text } : { type: 'remove', path: place }),
      onInvalid() {},
    })
  }
  const adjust = (values: readonly string[]): void => {
    for (const gone of shown.splice(values.length)) gone.element.remove()
    for (const [at, value] of values.entries()) {
      const fits = shown[at] && (shown[at].element instanceof HTMLTextAreaElement || !value.includes('\n'))
      if (!fits) {
        const made = entry(at, value)
        if (shown[at]) shown[at].element.replaceWith(made.element)
        else entries.append(made.element)
        shown[at] = made
      }
      shown[at]!.set(value)
    }
  }
  return {
    element: element('div', { role: 'group', 'aria-labelledby': labelledBy }, entries, more, fresh, clearHint),
    update(value) {
      const values = listOf(value).filter(entry => typeof entry === 'string')
      const focused = shown.findIndex(({ element }) => element === document.activeElement)
      adjust(values.slice(0, MOST_ENTRIES))
      // The last entry was emptied under the finger.
      if (focused >= shown.length) fresh.focus()
      clearHint.hidden = shown.length === 0
      more.hidden = values.length <= MOST_ENTRIES
      more.textContent = t('moreEntries', values.length - MOST_ENTRIES)
    },
  }
}
