import type { TrySide } from '../../shared/try-messages.ts'
import type { TranslateTry } from '../../shared/try-strings.ts'
import { countText } from '../../shared/units.ts'
import { visibleText } from '../../shared/visible-text.ts'
import { element } from '../shared/dom.ts'

export interface SidePanel {
  readonly section: HTMLElement
  /** @param at where the text parts from the other; undefined where it does not */
  show(side: TrySide, text: string, at: number | undefined): void
}

/** The text of one model. It is not announced as it grows; how it stands is. */
export function sidePanel(title: string, t: TranslateTry): SidePanel {
  const common = element('span')
  const apart = element('mark')
  const text = element('p', { class: 'written' }, common, apart)
  const state = element('p', { class: 'status', role: 'status' })
  return {
    section: element('section', { 'aria-label': title }, element('h2', {}, title), state, text),
    show(side, written, at = written.length) {
      common.textContent = written.slice(0, at)
      apart.textContent = written.slice(at)
      apart.hidden = at >= written.length
      const now = stateText(side, t)
      if (state.textContent !== now) state.textContent = now
      state.className = side.state === 'failed' ? 'status error' : 'status'
    },
  }
}

function stateText({ state, tokens = 0, tokensPerSecond, message = '' }: TrySide, t: TranslateTry): string {
  if (state === 'idle') return ''
  if (state === 'failed') return visibleText(message, 2000)
  if (state !== 'done') return t(state)
  return typeof tokensPerSecond === 'number'
    ? t('done', countText(tokens), tokensPerSecond.toPrecision(3))
    : t('doneShort', countText(tokens))
}
