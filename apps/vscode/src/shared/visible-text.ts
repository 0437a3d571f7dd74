/** Characters that are not seen, or that make their neighbours appear elsewhere: two names that differ must look different. */
const unseen = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu

/** A line of a table holds far less; a name may have a kilobyte and more. */
const MAX_SHOWN = 300

/** A text from a file as it can be shown: nothing in it is hidden, reorders others, or is too long. For `textContent`. */
export function visibleText(text: string, length: number = MAX_SHOWN): string {
  if (text === '') return '⟨⟩'
  const shown = text.length > length ? `${text.slice(0, length)}… (${text.length})` : text
  return shown.replace(unseen, found => `⟨U+${found.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}⟩`)
}
