import type { FormChange, FormMark, Path } from '../../shared/form-messages.ts'
import type { TranslateForm } from '../../shared/form-strings.ts'
import { visibleText } from '../../shared/visible-text.ts'
import { element } from '../shared/dom.ts'

/** A piece of the form. It stays in the page while values change, so that focus and half-written texts stay too. */
export interface Part {
  readonly element: HTMLElement
  /** @param marks of this value and of those in it; their paths begin here */
  update(value: unknown, marks: readonly FormMark[]): void
}

export interface FormContext {
  readonly t: TranslateForm
  change(change: FormChange): void
  editText(path: Path): void
  /** For those who do not see it. */
  announce(text: string): void
}

/** Entries of one list that are drawn; a file may have any number. */
export const MOST_ENTRIES = 100

let ids = 0
export const newId = (): string => `part-${ids++}`

/** What is wrong, below what it is wrong with. */
export function markList(id: string = newId()): {
  readonly element: HTMLElement
  show(marks: readonly FormMark[]): void
} {
  const list = element('ul', { id, class: 'marks' })
  let shown = ''
  return {
    element: list,
    show(marks) {
      const now = JSON.stringify(marks)
      if (now === shown) return
      shown = now
      list.replaceChildren(
        ...marks.map(({ severity, message }) => element('li', { class: severity }, visibleText(message, 2000))),
      )
    },
  }
}

/** The marks below a key, with their paths from there. */
export const marksBelow = (marks: readonly FormMark[], key: string | number): readonly FormMark[] =>
  marks.filter(({ path }) => path[0] === key).map(mark => ({ ...mark, path: mark.path.slice(1) }))

export function button(text: string, onClick: () => void): HTMLButtonElement {
  const made = element('button', { type: 'button' }, text)
  made.addEventListener('click', onClick)
  return made
}

/** A button of one of many things, whose name for screen readers says of which. */
export function quietButton(text: string, name: string, onClick: () => void): HTMLButtonElement {
  const made = button(text, onClick)
  made.className = 'quiet'
  made.setAttribute('aria-label', name)
  return made
}

/** A path as people write it: `steps[0].bits`. */
export const pathText = (path: Path): string =>
  visibleText(path.map((step, i) => (typeof step === 'number' ? `[${step}]` : i === 0 ? step : `.${step}`)).join(''))
