import { baseStyle } from './base-style.ts'

/** Gives the page the common style and its own, through the object model: the policy allows no other way. */
export function adoptStyles(own: string): void {
  const sheet = new CSSStyleSheet()
  sheet.replaceSync(baseStyle + own)
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet]
}
