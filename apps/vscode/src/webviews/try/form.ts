import type { TryOptions } from '../../shared/try-messages.ts'
import type { TranslateTry } from '../../shared/try-strings.ts'
import { element, labelled } from '../shared/dom.ts'

export interface Form {
  readonly element: HTMLFormElement
  running(running: boolean): void
}

export interface FormEvents {
  onContinue(options: TryOptions): void
  onStop(): void
  /** What is found again when the tab was hidden. */
  onChange(state: TryOptions): void
}

/** The prompt and how it is continued. Control and Enter in the prompt continue it. */
export function tryForm(t: TranslateTry, kept: unknown, { onContinue, onStop, onChange }: FormEvents): Form {
  const before = kept as Partial<TryOptions> | undefined
  const prompt = element('textarea', { rows: 4, maxlength: 65_536, required: true })
  prompt.value = typeof before?.prompt === 'string' ? before.prompt : ''
  const tokens = element('input', { type: 'number', min: 1, max: 4096, required: true, value: before?.tokens ?? 64 })
  const heat = element('input', {
    type: 'number',
    min: 0,
    max: 5,
    step: 0.1,
    required: true,
    value: before?.temperature ?? 0,
  })
  heat.title = t('temperatureHint')
  const go = element('button', { type: 'submit' }, t('continue'))
  const stop = element('button', { type: 'button', hidden: true }, t('stop'))
  const options = (): TryOptions => ({
    prompt: prompt.value,
    tokens: tokens.valueAsNumber,
    temperature: heat.valueAsNumber,
  })
  const controls = element(
    'div',
    { class: 'controls' },
    labelled(t('tokens'), tokens),
    labelled(t('temperature'), heat),
    go,
    stop,
  )
  const form = element('form', {}, labelled(t('prompt'), prompt), controls)
  form.addEventListener('input', () => onChange(options()))
  form.addEventListener('submit', event => {
    event.preventDefault()
    if (!go.hidden) onContinue(options())
  })
  prompt.addEventListener('keydown', event => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) form.requestSubmit()
  })
  stop.addEventListener('click', onStop)
  return {
    element: form,
    running(running) {
      const focused = document.activeElement === go || document.activeElement === stop
      go.hidden = running
      stop.hidden = !running
      // The button under the finger goes; the other takes the focus over.
      if (focused) (running ? stop : go).focus()
    },
  }
}
