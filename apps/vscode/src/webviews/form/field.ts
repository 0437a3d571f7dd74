import { canShow, type NamedField, type Scalar } from '../../shared/form-fields.ts'
import type { FormMark, Path } from '../../shared/form-messages.ts'
import { visibleText } from '../../shared/visible-text.ts'
import { element } from '../shared/dom.ts'
import { type Control, type ControlEvents, choiceControl, numberControl, textControl } from './controls.ts'
import { group } from './group.ts'
import { button, type FormContext, markList, newId, type Part } from './part.ts'
import { rawValue, showRaw } from './raw-value.ts'
import { textList } from './text-list.ts'
import { variantList } from './variants.ts'

/** A value with its name, what it means, and what is wrong with it. */
export function fieldPart(named: NamedField, path: Path, context: FormContext): Part {
  const { field } = named
  if (field.kind === 'group' || field.kind === 'variants') return sectionPart(named, path, context)
  const ids = { name: newId(), hint: newId(), marks: newId() }
  const marks = markList(ids.marks)
  const raw = rawValue(path, context)
  /** What was typed and not written. */
  let typed: readonly FormMark[] = []
  let found: readonly FormMark[] = []
  const own = body(named, path, context, ids, message => {
    typed = message ? [{ path: [], severity: 'error', message }] : []
    marks.show([...typed, ...found])
  })
  const described = named.description ? [element('p', { id: ids.hint, class: 'hint' }, named.description)] : []
  const row = element(
    'div',
    { class: 'field' },
    element(own.control ? 'label' : 'span', { id: ids.name, class: 'name' }, visibleText(named.name)),
    own.element,
    raw.element,
    ...described,
    marks.element,
  )
  const { control } = own
  if (control) {
    control.element.id = newId()
    row.querySelector('label')!.htmlFor = control.element.id
    control.element.setAttribute('aria-describedby', [...(described.length > 0 ? [ids.hint] : []), ids.marks].join(' '))
  }
  return {
    element: row,
    update(value, told) {
      found = told
      const fits = canShow(field, value)
      own.element.hidden = !fits
      if (fits) own.update(value, found)
      showRaw(raw, value, !fits)
      control?.element.setAttribute('aria-invalid', String(found.some(({ severity }) => severity === 'error')))
      marks.show([...typed, ...found])
      // A constant is shown where it is missing or another.
      row.hidden = field.kind === 'constant' && value === field.value && found.length === 0
    },
  }
}

type Body = Part & { readonly control?: Control }

function body(
  named: NamedField,
  path: Path,
  context: FormContext,
  ids: { readonly name: string },
  onInvalid: (message: string) => void,
): Body {
  const { t, change } = context
  const events: ControlEvents = {
    onChange: value => change(value === undefined ? { type: 'remove', path } : { type: 'set', path, value }),
    onInvalid,
  }
  const { field } = named
  if (field.kind === 'number') return single(numberControl(field, named, t, events))
  if (field.kind === 'text') return single(textControl(field, named, t, events))
  if (field.kind === 'choice') return single(choiceControl(field, named, t, events))
  if (field.kind === 'texts') return textList(visibleText(named.name), path, context, ids.name)
  if (field.kind === 'constant') return constant(field.value, path, context)
  return { element: element('span', { class: 'hint' }, t('notSet')), update() {} }
}

const single = (control: Control): Body => ({
  element: element('div', {}, control.element),
  control,
  update: value => control.set(value),
})

const constant = (value: Scalar, path: Path, { t, change }: FormContext): Body => ({
  element: element(
    'div',
    {},
    button(t('correct', String(value)), () => change({ type: 'set', path, value })),
  ),
  update() {},
})

/** An object or a list of objects, under a heading. */
function sectionPart({ name, field, description }: NamedField, path: Path, context: FormContext): Part {
  const title = newId()
  const marks = markList()
  const raw = rawValue(path, context)
  const inner =
    field.kind === 'variants'
      ? variantList(field, path, context)
      : group(field.kind === 'group' ? field.fields : [], path, context)
  return {
    element: element(
      'section',
      { 'aria-labelledby': title },
      element('h2', { id: title }, visibleText(name)),
      ...(description ? [element('p', { class: 'hint' }, description)] : []),
      marks.element,
      inner.element,
      raw.element,
    ),
    update(value, found) {
      const fits = canShow(field, value)
      inner.element.hidden = !fits
      showRaw(raw, value, !fits)
      const deeper: FormMark[] = fits ? found.filter(({ path }) => path.length > 0) : []
      marks.show(found.filter(mark => !deeper.includes(mark)))
      if (fits) inner.update(value, deeper)
    },
  }
}
