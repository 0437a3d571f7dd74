const letters: Readonly<Record<string, string>> = {
  a: 'á',
  e: 'é',
  i: 'í',
  o: 'ó',
  u: 'ú',
  A: 'Á',
  E: 'É',
  I: 'Í',
  O: 'Ó',
  U: 'Ú',
}

/** What a translator would leave alone: targets of links, names in code, placeholders. */
const fixed = /(\]\([^)]*\)|`[^`]*`|\{\w+\}|\$\([\w-]+\))/

/** English that looks foreign: accents show what was not taken from the bundle, brackets what was cut off. */
export function pseudo(text: string): string {
  const parts = text
    .split(fixed)
    .map((part, i) => (i % 2 === 1 ? part : part.replaceAll(/[aeiouAEIOU]/g, c => letters[c] ?? c)))
  return `⟦${parts.join('')}⟧`
}
