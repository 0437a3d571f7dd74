type Attributes = Readonly<Record<string, string | number | boolean | undefined>>

/** An element with attributes and children; texts are always text. */
export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag)
  setAll(made, attributes)
  made.append(...children)
  return made
}

/** Pairs of a term and its description. */
export function facts(pairs: readonly (readonly [string, string])[]): HTMLElement {
  const list = element('dl', { class: 'facts' })
  for (const [term, description] of pairs) list.append(element('dt', {}, term), element('dd', {}, description))
  return list
}

/** A table with a caption that only screen readers need. */
export function table(
  caption: string,
  head: readonly string[],
  rows: readonly (readonly (string | Node)[])[],
): HTMLElement {
  const body = element('tbody')
  for (const row of rows)
    body.append(
      element('tr', {}, ...row.map((cell, i) => element(i === 0 ? 'th' : 'td', i === 0 ? { scope: 'row' } : {}, cell))),
    )
  const top = element('tr', {}, ...head.map(cell => element('th', { scope: 'col' }, cell)))
  return element('table', {}, element('caption', { class: 'unseen' }, caption), element('thead', {}, top), body)
}

/** A part of the page that is folded away, and made when it is first opened. */
export function folded(summary: string, make: () => Node): HTMLDetailsElement {
  const details = element('details', {}, element('summary', {}, summary))
  details.addEventListener('toggle', () => details.childElementCount === 1 && details.append(make()), { once: true })
  return details
}

let labels = 0

/** A control behind its label. */
export function labelled(text: string, control: HTMLElement): HTMLElement {
  control.id = `control-${labels++}`
  return element('span', { class: 'labelled' }, element('label', { for: control.id }, text), control)
}

export function choice(options: readonly (readonly [value: string, text: string])[]): HTMLSelectElement {
  return element('select', {}, ...options.map(([value, text]) => element('option', { value }, text)))
}

/** An element of a drawing, likewise. */
export function drawn<K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: readonly (Node | string)[]
): SVGElementTagNameMap[K] {
  const made = document.createElementNS('http://www.w3.org/2000/svg', tag)
  setAll(made, attributes)
  made.append(...children)
  return made
}

function setAll(made: Element, attributes: Attributes): void {
  for (const [name, value] of Object.entries(attributes))
    if (value !== undefined && value !== false) made.setAttribute(name, value === true ? '' : String(value))
}
