import { firstDifference } from '../../shared/first-difference.ts'
import { translatorOf } from '../../shared/page-strings.ts'
import { type FromTry, type ToTry, TRY_PROTOCOL, type TrySide, type Which } from '../../shared/try-messages.ts'
import { type TranslateTry, tryStrings } from '../../shared/try-strings.ts'
import { visibleLines, visibleText } from '../../shared/visible-text.ts'
import { adoptStyles } from '../shared/adopt-styles.ts'
import { element } from '../shared/dom.ts'
import { type Form, tryForm } from './form.ts'
import { sidePanel } from './side-panel.ts'
import { styles } from './styles.ts'

declare function acquireVsCodeApi(): {
  postMessage(message: FromTry): void
  getState(): unknown
  setState(state: unknown): void
}

adoptStyles(styles)
const api = acquireVsCodeApi()
const view = document.getElementById('view')!
let shown: Shown | undefined
window.addEventListener('message', ({ data }: MessageEvent<ToTry>) => {
  if (data.type === 'begin') shown = begin(data)
  else if (data.type === 'refused')
    view.replaceChildren(element('p', { class: 'error', role: 'alert' }, visibleText(data.message, 2000)))
  else if (data.type === 'running') shown?.running(data.running)
  else if (data.type === 'side') shown?.set(data.which, data.side)
  else shown?.add(data.which, data.text)
})
api.postMessage({ type: 'ready', protocol: TRY_PROTOCOL })

interface Shown {
  running(running: boolean): void
  set(which: Which, side: TrySide): void
  add(which: Which, text: string): void
}

function begin({ names, sides: known, running, strings }: Extract<ToTry, { type: 'begin' }>): Shown {
  const t: TranslateTry = translatorOf(tryStrings, strings)
  const sides = { ...known }
  const panels = {
    original: sidePanel(`${t('original')}: ${visibleText(names.original)}`, t),
    compressed: sidePanel(`${t('compressed')}: ${visibleText(names.compressed)}`, t),
  }
  const status = element('p', { role: 'status' })
  const form: Form = tryForm(t, api.getState(), {
    onContinue: options => api.postMessage({ type: 'continue', ...options }),
    onStop: () => api.postMessage({ type: 'stop' }),
    onChange: state => api.setState(state),
  })
  const draw = (): void => {
    const { original, compressed } = sides
    const texts = { original: visibleLines(original.text), compressed: visibleLines(compressed.text) }
    const at = differenceOf(sides, texts)
    panels.original.show(original, texts.original, at)
    panels.compressed.show(compressed, texts.compressed, at)
    if (original.state !== 'done' || compressed.state !== 'done') status.textContent = ''
    else status.textContent = at === undefined ? t('same') : t('differ', at)
  }
  view.replaceChildren(
    element('h1', {}, t('title')),
    form.element,
    status,
    element('div', { class: 'sides' }, panels.original.section, panels.compressed.section),
    element('p', { class: 'hint' }, t('speedHint')),
  )
  form.running(running)
  draw()
  return {
    running: form.running,
    set(which, side) {
      sides[which] = side
      draw()
    },
    add(which, text) {
      sides[which] = { state: 'writing', text: sides[which].text + text }
      draw()
    },
  }
}

/** A text that is still being written has not ended earlier than the other: it only has not come so far. */
function differenceOf(
  { compressed }: Readonly<Record<Which, TrySide>>,
  texts: Readonly<Record<Which, string>>,
): number | undefined {
  const at = firstDifference(texts.original, texts.compressed)
  return compressed.state === 'done' || (at !== undefined && at < texts.compressed.length) ? at : undefined
}
