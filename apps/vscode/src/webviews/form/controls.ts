import type { Field, NamedField, Scalar } from '../../shared/form-fields.ts'
import type { TranslateForm } from '../../shared/form-strings.ts'
import { choice, element } from '../shared/dom.ts'

/** An input for one value. */
export interface Control {
  readonly element: HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement
  /** The value of the text. What was typed stays until that changes. */
  set(value: unknown): void
}

export interface ControlEvents {
  /** undefined: nothing is to be written. */
  onChange(value: Scalar | undefined): void
  /** What is typed cannot be meant; '' when it can again. */
  onInvalid(message: string): void
}

type OfKind<K extends Field['kind']> = Extract<Field, { kind: K }>

export function numberControl(
  { whole, least, most }: OfKind<'number'>,
  { standard }: NamedField,
  t: TranslateForm,
  events: ControlEvents,
): Control {
  const placeholder = standard === undefined ? t('notSet') : String(standard)
  const input = element('input', { type: 'number', min: least, max: most, step: whole ? 1 : 'any', placeholder })
  return typedControl(input, () => (input.value === '' ? undefined : input.valueAsNumber), events)
}

export function textControl(
  { pattern }: OfKind<'text'>,
  { standard }: NamedField,
  t: TranslateForm,
  events: ControlEvents,
): Control {
  const placeholder = standard === undefined ? t('notSet') : String(standard)
  const input = element('input', { type: 'text', pattern, placeholder, spellcheck: 'false' })
  return typedControl(input, () => input.value || undefined, events)
}

/** An input that is read when it is left, at Enter, and before a shortcut, which may save. */
export function typedControl(
  input: HTMLInputElement | HTMLTextAreaElement,
  read: () => Scalar | undefined,
  { onChange, onInvalid }: ControlEvents,
): Control {
  let shown = ''
  const take = (): void => {
    const valid = input.checkValidity()
    onInvalid(valid ? '' : input.validationMessage)
    if (!valid || input.value === shown) return
    shown = input.value
    onChange(read())
  }
  const field: HTMLElement = input
  field.addEventListener('change', take)
  // With the S of Ctrl+S it would be too late: the text has to be written by then.
  field.addEventListener('keydown', ({ key }) => {
    if (key === 'Control' || key === 'Meta') take()
  })
  return {
    element: input,
    set(value) {
      const text = value === undefined ? '' : String(value)
      if (text === shown) return
      shown = text
      input.value = text
      onInvalid('')
    },
  }
}

export function choiceControl(
  { values }: OfKind<'choice'>,
  { standard }: NamedField,
  t: TranslateForm,
  { onChange }: ControlEvents,
): Control {
  const unset = standard === undefined ? t('notSet') : t('standard', String(standard))
  const select = choice([
    ['', unset],
    ...values.map((value): [string, string] => [JSON.stringify(value), String(value)]),
  ])
  select.addEventListener('change', () => onChange(values.find(value => JSON.stringify(value) === select.value)))
  return {
    element: select,
    set(value) {
      select.value = value === undefined ? '' : JSON.stringify(value)
    },
  }
}
