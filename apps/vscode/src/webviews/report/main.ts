import { translatorOf } from '../../shared/page-strings.ts'
import { type FromReport, REPORT_PROTOCOL, type ToReport } from '../../shared/report-messages.ts'
import { reportStrings } from '../../shared/report-strings.ts'
import { countText } from '../../shared/units.ts'
import { visibleText } from '../../shared/visible-text.ts'
import { adoptStyles } from '../shared/adopt-styles.ts'
import { element, facts } from '../shared/dom.ts'
import { details } from './details.ts'
import { generations, notes, spread, summary, whereBytesGo } from './sections.ts'
import { styles } from './styles.ts'
import { type TradeOff, tradeOff } from './trade-off.ts'

declare function acquireVsCodeApi(): { postMessage(message: FromReport): void }

adoptStyles(styles)
const api = acquireVsCodeApi()
const view = document.getElementById('view')!
let runs: TradeOff | undefined
window.addEventListener('message', ({ data }: MessageEvent<ToReport>) => {
  if (data.type === 'report') show(data)
  else if (data.type === 'points') runs?.update(data.points)
  else view.replaceChildren(element('p', { class: 'error', role: 'alert' }, visibleText(data.message, 2000)))
})
api.postMessage({ type: 'ready', protocol: REPORT_PROTOCOL })

function show({ report, points, strings }: Extract<ToReport, { type: 'report' }>): void {
  const t = translatorOf(reportStrings, strings)
  const known = report.facts.map(({ name, value }): [string, string] => [
    Object.hasOwn(reportStrings, name) ? t(name as keyof typeof reportStrings) : visibleText(name),
    name === 'parameters' ? countText(Number(value)) : visibleText(value),
  ])
  const title = element('h1', { tabindex: -1 }, visibleText(report.title))
  runs = tradeOff(t, run => api.postMessage({ type: 'open', run }))
  const again = view.childElementCount > 0
  view.replaceChildren(
    title,
    facts(known),
    ...summary(report, t),
    runs.section,
    ...whereBytesGo(report, t),
    ...spread(report, t),
    ...notes(report, t),
    ...generations(report, t),
    ...details(report, t),
  )
  runs.update(points)
  // The button or point that was used is gone: reading goes on at the top of the other report.
  if (again) title.focus()
}
