import type { Path } from '../../shared/form-messages.ts'
import { visibleLines } from '../../shared/visible-text.ts'
import { element } from '../shared/dom.ts'
import { type FormContext, pathText, quietButton } from './part.ts'

const MAX_SHOWN = 2000

export interface RawValue {
  readonly element: HTMLElement
  show(value: unknown): void
  hide(): void
}

/** A value that the form has no control for: as its JSON, to be looked at, changed as text, or taken out. Most are never needed. */
export function rawValue(path: Path, context: FormContext): RawValue {
  const holder = element('div', { class: 'raw', hidden: true })
  let text: HTMLElement | undefined
  return {
    element: holder,
    show(value) {
      if (!text) {
        text = element('pre', { tabindex: 0, 'aria-label': pathText(path) })
        holder.append(text, ...aroundRaw(path, context))
      }
      const json = JSON.stringify(value, null, 2) ?? ''
      text.textContent = visibleLines(json.length > MAX_SHOWN ? `${json.slice(0, MAX_SHOWN)} …` : json)
      holder.hidden = false
    },
    hide() {
      holder.hidden = true
    },
  }
}

function aroundRaw(path: Path, { t, change, editText, announce }: FormContext): HTMLElement[] {
  const name = pathText(path)
  const remove = (): void => {
    change({ type: 'remove', path })
    announce(t('removed', name))
  }
  return [
    element('p', { class: 'hint' }, t('notDrawn')),
    element(
      'div',
      { class: 'controls' },
      quietButton(t('editText'), t('editTextOf', name), () => editText(path)),
      quietButton(t('remove'), t('removeOf', name), remove),
    ),
  ]
}

export const showRaw = (raw: RawValue, value: unknown, shown: boolean): void => (shown ? raw.show(value) : raw.hide())
