import type { Bytes, Estimate, ReportFacts } from '../../shared/report-messages.ts'
import { type ReportString, reportStrings, type TranslateReport } from '../../shared/report-strings.ts'
import { bitText, byteText, valueText } from '../../shared/units.ts'
import { visibleLines, visibleText } from '../../shared/visible-text.ts'
import { element, facts, table } from '../shared/dom.ts'

type Part = (report: ReportFacts, t: TranslateReport) => HTMLElement[]

/** The numbers that one looks for first. */
export const summary: Part = ({ size, quality, layers }, t) => {
  const bits = layers.flatMap(({ bits }) => (bits === undefined ? [] : [bits]))
  const { basePerplexity, perplexity, kl, agreement, protocol } = quality ?? {}
  const known: [string, string][] = []
  if (size) known.push([t('size'), sizeText(size, t)])
  if (bits.length > 0) known.push([t('bits'), rangeText(bits)])
  if (perplexity)
    known.push([
      t('perplexity'),
      basePerplexity
        ? t('perplexityFrom', estimateText(perplexity), estimateText(basePerplexity))
        : estimateText(perplexity),
    ])
  if (kl) known.push([t('divergence'), estimateText(kl)])
  if (agreement) known.push([t('agreement'), `${(100 * agreement.value).toFixed(1)} %`])
  if (known.length === 0) return []
  const measured =
    protocol === undefined ? [] : [element('p', { class: 'hint' }, t('measuredBy', visibleText(protocol, 1000)))]
  return [element('h2', {}, t('summary')), facts(known), ...measured]
}

const total = (parts: readonly Bytes[]): number => parts.reduce((sum, { bytes }) => sum + bytes, 0)

function sizeText({ before, after }: NonNullable<ReportFacts['size']>, t: TranslateReport): string {
  const now = total(after)
  if (!before || now === 0) return byteText(now)
  return t('sizeFrom', byteText(now), (total(before) / now).toFixed(2), byteText(total(before)))
}

function rangeText(values: readonly number[]): string {
  let [low, high] = [Infinity, -Infinity]
  for (const value of values) {
    low = Math.min(low, value)
    high = Math.max(high, value)
  }
  return high - low < 0.005 ? bitText(high) : `${bitText(low)} – ${bitText(high)}`
}

const estimateText = ({ value, se }: Estimate): string =>
  se === undefined || se === 0 ? valueText(value) : `${valueText(value)} ± ${valueText(se)}`

export const whereBytesGo: Part = ({ size }, t) => {
  if (!size) return []
  const parts = [...new Set([...(size.before ?? []), ...size.after].map(({ name }) => name))]
  const of = (side: readonly Bytes[], part: string): string => {
    const found = side.find(({ name }) => name === part)
    return found ? byteText(found.bytes) : '–'
  }
  const columns = size.before ? [size.before, size.after] : [size.after]
  const head = [t('part'), ...(size.before ? [t('before')] : []), t('after')]
  const rows = parts.map(part => [labelOf(part, t), ...columns.map(side => of(side, part))])
  return [element('h2', {}, t('bytesTable')), table(t('bytesTable'), head, rows)]
}

/** How the divergence is spread over tokens. */
export const spread: Part = ({ quality }, t) => {
  if (!quality || quality.spread.length === 0) return []
  const rows = quality.spread.map(({ name, value }) => [labelOf(name, t), valueText(value)])
  return [element('h2', {}, t('spread')), table(t('spread'), [t('percentile'), t('divergence')], rows)]
}

export const notes: Part = ({ notes }, t) => {
  if (notes.length === 0) return []
  const rows = notes.map(({ layer, message }) => [layer === '' ? '–' : visibleText(layer), visibleText(message, 2000)])
  return [element('h2', {}, t('notes')), table(t('notes'), [t('layer'), t('event')], rows)]
}

export const generations: Part = ({ generations }, t) => {
  if (generations.length === 0) return []
  const rows = generations.map(texts => [texts.prompt, texts.base, texts.model].map(visibleLines))
  const shown = table(t('generations'), [t('prompt'), t('original'), t('compressed')], rows)
  shown.classList.add('texts')
  return [element('h2', {}, t('generations')), shown]
}

/** Names of a report that we know are in the user's language. */
const labelOf = (name: string, t: TranslateReport): string =>
  Object.hasOwn(reportStrings, name) ? t(name as ReportString) : visibleText(name)
