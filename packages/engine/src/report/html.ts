import { escapeXml } from './svg-document.ts'

/** Markup that is safe to put into a page. Everything else is escaped on its way in. */
export interface Html {
  readonly markup: string
}

export type HtmlValue = Html | string | number | undefined | false | null | readonly HtmlValue[]

/** A template of markup: values are escaped, Html stays, lists are joined, `undefined`, `null` and `false` leave nothing. */
export function html(parts: TemplateStringsArray, ...values: readonly HtmlValue[]): Html {
  return { markup: parts.map((part, i) => part + (i < values.length ? markup(values[i]) : '')).join('') }
}

/** Markup from a trusted place. */
export const trusted = (text: string): Html => ({ markup: text })

function markup(value: HtmlValue): string {
  if (value === undefined || value === null || value === false) return ''
  if (typeof value === 'string' || typeof value === 'number') return escapeXml(String(value))
  return 'markup' in value ? value.markup : value.map(markup).join('')
}
