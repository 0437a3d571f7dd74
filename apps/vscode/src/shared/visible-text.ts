/** Characters that are not seen, or that make their neighbours appear elsewhere: two names that differ must look different. */
const unseen = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu

/** A line of a table holds far less; a name may have a kilobyte and more. */
const MAX_SHOWN = 300

/** A text from a file as it can be shown: nothing in it is hidden, reorders others, or is too long. For `textContent`. */
export function visibleText(text: string, length: number = MAX_SHOWN): string {
  if (text === '') return '⟨⟩'
  const shown = text.length > length ? `${text.slice(0, length)}… (${text.length})` : text
  return shown.replace(unseen, codeOf)
}

/** Joiners belong to the letters around them; lines and tabs are those of a text. */
const unseenInProse = /(?![\n\t\u200c\u200d])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu

/** A text of several lines, of a model or a person. For `textContent`. */
export const visibleLines = (text: string): string => text.replace(unseenInProse, codeOf)

const codeOf = (found: string): string => `⟨U+${found.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}⟩`
