import type { ComparedTensor, Comparison, TensorDifference } from '../../shared/model-reader.ts'
import { byteText, countText, shapeText, valueText } from '../../shared/units.ts'
import type { ComparedNames } from '../../shared/viewer-messages.ts'
import type { Translate } from '../../shared/viewer-strings.ts'
import { visibleText } from '../../shared/visible-text.ts'
import { element, folded, labelled } from '../shared/dom.ts'
import type { HostLink } from './host-link.ts'
import { virtualRows } from './virtual-rows.ts'

interface Line extends ComparedTensor {
  difference?: TensorDifference
  problem?: string
}

/** How far every tensor of one model is from its namesake of another: a table that fills as they are read. */
export function comparisonView(
  names: ComparedNames,
  comparison: Comparison,
  host: HostLink,
  t: Translate,
): HTMLElement[] {
  const lines: Line[] = comparison.both.map(tensor => ({ ...tensor }))
  let order = lines
  const status = element('p', { role: 'status' })
  const scroller = element('div', { role: 'table', tabindex: 0, class: 'comparison', 'aria-label': t('comparison') })
  scroller.setAttribute('aria-rowcount', String(lines.length + 1))
  const head = element('div', { role: 'row', class: 'row head' }, ...headCells(t))
  scroller.append(element('div', { role: 'rowgroup', class: 'sticky' }, head))
  const rows = virtualRows(scroller, createLine, (row, index) => {
    row.setAttribute('aria-rowindex', String(index + 2))
    fillLine(row, order[index]!, t)
  })
  scroller.querySelector('.space')!.setAttribute('role', 'rowgroup')

  const worst = element('input', { type: 'checkbox' })
  const arrange = (): void => {
    order = worst.checked ? [...lines].sort((a, b) => badness(b) - badness(a)) : lines
    rows.update(order.length)
  }
  worst.addEventListener('change', arrange)
  const measure = element('button', { type: 'button' }, t('measure'))
  const cancel = element('button', { type: 'button', hidden: true }, t('cancel'))
  const run = measuring(lines, host, t, done => {
    status.textContent = t('measured', countText(done), countText(lines.length))
    // Sorting again for every tensor would move rows from under the reader's eyes.
    if (done === lines.length) arrange()
    else rows.update(order.length)
  })
  measure.addEventListener('click', () => {
    measure.hidden = true
    cancel.hidden = false
    cancel.focus()
    void run.start().then(() => {
      measure.hidden = false
      if (document.activeElement === cancel) measure.focus()
      cancel.hidden = true
    })
  })
  cancel.addEventListener('click', run.stop)
  requestAnimationFrame(arrange)
  const controls = element('div', { class: 'controls' }, measure, cancel, labelled(t('worstFirst'), worst))
  const title = element('h1', {}, t('comparisonNames', visibleText(names.after), visibleText(names.before)))
  const absent = [
    ...missing(t('onlyBefore', visibleText(names.before)), comparison.onlyBefore),
    ...missing(t('onlyAfter', visibleText(names.after)), comparison.onlyAfter),
  ]
  return [element('div', { class: 'comparing' }, title, controls, status, scroller, ...absent)]
}

const badness = ({ difference, problem }: Line): number =>
  problem !== undefined ? Infinity : difference ? (difference.relative ?? Infinity) : -1

function measuring(
  lines: readonly Line[],
  host: HostLink,
  t: Translate,
  onDone: (done: number) => void,
): { start(): Promise<void>; stop(): void } {
  let stop: (() => void) | undefined
  const differs = ({ before, after }: Line): boolean => before.shape.join() !== after.shape.join()
  return {
    async start() {
      let stopped = false
      const stopping = new Promise<void>(resolve => {
        stop = () => {
          stopped = true
          resolve()
        }
      })
      for (const [i, line] of lines.entries()) {
        if (stopped) return
        if (differs(line)) line.problem = t('shapesDiffer')
        else if (!line.difference) {
          const asking = host.ask('difference', { tensor: line.name })
          await Promise.race([
            stopping,
            asking.answer.then(found => (line.difference = found)).catch((e: Error) => (line.problem = e.message)),
          ])
          if (stopped) asking.cancel()
        }
        if (!stopped) onDone(i + 1)
      }
    },
    stop: () => stop?.(),
  }
}

const headCells = (t: Translate): HTMLElement[] =>
  [t('name'), t('shape'), t('before'), t('after'), t('relativeError'), t('maxError'), t('rmsError'), t('cosine')].map(
    text => element('span', { role: 'columnheader' }, text),
  )

const createLine = (): HTMLElement =>
  element('div', { role: 'row', class: 'row' }, ...Array.from({ length: 8 }, () => element('span', { role: 'cell' })))

function fillLine(row: HTMLElement, { name, before, after, difference, problem }: Line, t: Translate): void {
  const measured = difference
    ? [
        difference.equal ? t('equal') : valueText(difference.relative),
        valueText(difference.maxAbs),
        valueText(difference.rms),
        difference.cosine === null ? '–' : difference.cosine.toFixed(6),
      ]
    : [problem === undefined ? '' : visibleText(problem), '', '', '']
  const side = ({ encoding, bytes }: ComparedTensor['before']): string =>
    `${visibleText(encoding, 40)}, ${byteText(bytes)}`
  const texts = [visibleText(name), shapeText(before.shape) || t('scalar'), side(before), side(after), ...measured]
  texts.forEach((text, i) => {
    row.children[i]!.textContent = text
  })
}

/** Enough to know what is missing. */
const MAX_MISSING = 1000

function missing(title: string, names: readonly string[]): HTMLElement[] {
  if (names.length === 0) return []
  const list = (): HTMLElement =>
    element('ul', {}, ...names.slice(0, MAX_MISSING).map(name => element('li', {}, visibleText(name))))
  return [folded(`${title} (${countText(names.length)})`, list)]
}
