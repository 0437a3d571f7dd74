/**
 * As much of a DOM as the plotting library needs to build an SVG where there is no browser: elements, attributes, text,
 * and their serialisation. The page that comes of it holds no script.
 */
export class SvgElement {
  readonly tagName: string
  readonly namespaceURI: string
  readonly ownerDocument: SvgDocument
  readonly childNodes: (SvgElement | SvgText)[] = []
  readonly style: { setProperty(name: string, value: string): void; removeProperty(name: string): void }
  parentNode: SvgElement | null = null
  readonly #attributes = new Map<string, string>()
  readonly #styles = new Map<string, string>()

  constructor(ownerDocument: SvgDocument, namespaceURI: string, tagName: string) {
    this.ownerDocument = ownerDocument
    this.namespaceURI = namespaceURI
    this.tagName = tagName
    this.style = {
      setProperty: (name, value) => void this.#styles.set(name, String(value)),
      removeProperty: name => void this.#styles.delete(name),
    }
  }

  get firstChild(): SvgElement | SvgText | null {
    return this.childNodes[0] ?? null
  }

  get textContent(): string {
    return this.childNodes.map(child => child.textContent).join('')
  }

  set textContent(value: string) {
    this.childNodes.length = 0
    this.appendChild(this.ownerDocument.createTextNode(value))
  }

  getAttribute(name: string): string | null {
    return this.#attributes.get(name) ?? null
  }

  hasAttribute(name: string): boolean {
    return this.#attributes.has(name)
  }

  setAttribute(name: string, value: unknown): void {
    this.#attributes.set(name, String(value))
  }

  setAttributeNS(_namespace: string, name: string, value: unknown): void {
    this.setAttribute(name, value)
  }

  removeAttribute(name: string): void {
    this.#attributes.delete(name)
  }

  appendChild<N extends SvgElement | SvgText>(child: N): N {
    return this.insertBefore(child, null)
  }

  append(...children: (SvgElement | SvgText | string)[]): void {
    for (const child of children) this.appendChild(typeof child === 'string' ? new SvgText(child) : child)
  }

  insertBefore<N extends SvgElement | SvgText>(child: N, next: SvgElement | SvgText | null): N {
    child.parentNode?.removeChild(child)
    const at = next ? this.childNodes.indexOf(next) : -1
    this.childNodes.splice(at < 0 ? this.childNodes.length : at, 0, child)
    child.parentNode = this
    return child
  }

  removeChild<N extends SvgElement | SvgText>(child: N): N {
    const at = this.childNodes.indexOf(child)
    if (at >= 0) this.childNodes.splice(at, 1)
    child.parentNode = null
    return child
  }

  /** Nothing is found by selector: the library only looks for what it has not drawn yet. */
  querySelector(): null {
    return null
  }

  querySelectorAll(): readonly SvgElement[] {
    return []
  }

  addEventListener(): void {}

  toString(): string {
    const styles = [...this.#styles].map(([name, value]) => `${name}: ${value}`).join('; ')
    const attributes = [...this.#attributes, ...(styles ? [['style', styles] as const] : [])]
    const open = [this.tagName, ...attributes.map(([name, value]) => `${name}="${escapeXml(value)}"`)].join(' ')
    return `<${open}>${this.childNodes.join('')}</${this.tagName}>`
  }
}

export class SvgText {
  readonly textContent: string
  parentNode: SvgElement | null = null

  constructor(text: string) {
    this.textContent = text
  }

  toString(): string {
    return escapeXml(this.textContent)
  }
}

export interface SvgDocument {
  readonly documentElement: SvgElement
  readonly defaultView: null
  createElementNS(namespace: string, name: string): SvgElement
  createElement(name: string): SvgElement
  createTextNode(text: string): SvgText
}

export function createSvgDocument(): SvgDocument {
  const html = 'http://www.w3.org/1999/xhtml'
  const document: SvgDocument = {
    get documentElement() {
      return root
    },
    defaultView: null,
    createElementNS: (namespace, name) => new SvgElement(document, namespace, name),
    createElement: name => new SvgElement(document, html, name),
    createTextNode: text => new SvgText(String(text)),
  }
  const root = new SvgElement(document, html, 'html')
  return document
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** For text and attribute values of HTML and SVG alike. */
export const escapeXml = (text: string): string => text.replace(/[&<>"']/g, c => entities[c]!)
