import type { ModelHeader } from '../../shared/model-reader.ts'
import { countText } from '../../shared/units.ts'
import type { ToView } from '../../shared/viewer-messages.ts'
import { type Translate, translator } from '../../shared/viewer-strings.ts'
import { visibleText } from '../../shared/visible-text.ts'
import { adoptStyles } from '../shared/adopt-styles.ts'
import { element, labelled } from '../shared/dom.ts'
import { comparisonView } from './comparison.ts'
import { type HostLink, hostLink } from './host-link.ts'
import { styles } from './styles.ts'
import { modelSummary } from './summary.ts'
import { tensorDetails } from './tensor-details.ts'
import { tensorTree } from './tree-model.ts'
import { treeView } from './tree-view.ts'

/** Tensors asked for at once. */
const PAGE = 5000
/** Between the last key and the search. */
const PAUSE_MS = 120

adoptStyles(styles)

const view = document.getElementById('view')!
view.append(element('p', { role: 'status' }, translator()('loading')))
let select: ((tensor: string) => void) | undefined
const host = hostLink(show)

function show(message: ToView): void {
  const t = translator('strings' in message ? message.strings : undefined)
  if (message.type === 'model') view.replaceChildren(...modelView(message.header, t))
  else if (message.type === 'comparison')
    view.replaceChildren(...comparisonView(message.names, message.comparison, host, t))
  else if (message.type === 'choose') select?.(message.tensor)
  else if (message.type === 'refused')
    view.replaceChildren(element('p', { class: 'error', role: 'alert' }, visibleText(message.message, 4000)))
}

function modelView(header: ModelHeader, t: Translate): HTMLElement[] {
  const status = element('p', { role: 'status', class: 'status' })
  const announce = (text: string): void => {
    status.textContent = text
  }
  const details = tensorDetails(host, t, announce)
  const tree = tensorTree()
  const rows = treeView(tree, t, tensor => {
    details.show(tensor)
    host.keep({ tensor: tensor.name })
    // What the other side said is not said back.
    if (!following) host.chose(tensor.name)
  })
  let following = false
  select = name => {
    following = true
    rows.select(name)
    following = false
  }
  const none = element('p', { hidden: true }, t('noMatch'))
  const filter = element('input', {
    type: 'search',
    placeholder: t('filterHint'),
    autocomplete: 'off',
    spellcheck: 'false',
  })
  const before = host.state()
  filter.value = before.filter
  let pause: ReturnType<typeof setTimeout> | undefined
  const search = (): void => {
    const found = tree.filter(filter.value)
    host.keep({ filter: filter.value })
    rows.update()
    none.hidden = found > 0 || tree.size === 0
    announce(t('tensorsShown', countText(found), countText(tree.size)))
  }
  filter.addEventListener('input', () => {
    clearTimeout(pause)
    pause = setTimeout(search, PAUSE_MS)
  })
  filter.addEventListener('keydown', event => {
    if (event.key === 'ArrowDown' && !rows.scroller.hidden) rows.scroller.focus()
  })
  void readAll(header.tensors, host, page => {
    tree.add(page)
    rows.update()
    if (tree.size < header.tensors) announce(t('tensorsRead', countText(tree.size), countText(header.tensors)))
    else {
      search()
      if (before.tensor !== '') select?.(before.tensor)
    }
  }).catch((error: Error) => announce(visibleText(error.message, 2000)))
  const left = element('div', { class: 'left' }, labelled(t('filter'), filter), status, none, rows.head, rows.scroller)
  const right = element('div', { class: 'right' }, details.section, modelSummary(header, t))
  return [element('h1', { class: 'unseen' }, t('model')), element('div', { class: 'panes' }, left, right)]
}

async function readAll(
  tensors: number,
  { ask }: HostLink,
  onPage: (rows: Awaited<ReturnType<typeof ask<'tensors'>>['answer']>) => void,
): Promise<void> {
  for (let start = 0; start < tensors; start += PAGE) {
    const rows = await ask('tensors', { start, count: PAGE }).answer
    if (rows.length === 0) return
    onPage(rows)
  }
}
