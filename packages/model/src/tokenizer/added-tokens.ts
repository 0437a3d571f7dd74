import { escapeLiteral } from './pattern.ts'

/** An entry of `added_tokens`: text that is cut out before anything else and always has this id. */
export interface AddedToken {
  readonly id: number
  readonly content: string
  /** Only where no letter or digit touches it. */
  readonly single_word: boolean
  /** Takes the white space on its left (right) with it. */
  readonly lstrip: boolean
  readonly rstrip: boolean
  /** Looked for in the normalized text, in its own normalized form. */
  readonly normalized: boolean
  readonly special: boolean
}

/** Takes text between added tokens, or the id of one, in order; `start` is where the text began. */
export interface Sections {
  text(text: string, start: number): void
  token(id: number): void
}

/** Cuts the added tokens out of a text. */
export type FindAdded = (text: string, sections: Sections) => void

const ENDS_IN_WORD = /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]$/u
const STARTS_WITH_WORD = /^[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]/u
const WHITE_SPACE = /\p{White_Space}/u

/** @param form how a token's content looks in the text that will be searched */
export function createFinder(tokens: readonly AddedToken[], form: (content: string) => string): FindAdded {
  const byContent = new Map(tokens.map(token => [form(token.content), token]))
  byContent.delete('')
  if (byContent.size === 0) return (text, sections) => sections.text(text, 0)
  // In descending order a longer token comes before its own beginning, so the leftmost longest match wins; neighbours
  // share beginnings, from which the regular expression engine makes a tree (Gemma has 6,414 of these).
  const sorted = [...byContent.keys()].sort((a, b) => (a < b ? 1 : -1))
  const pattern = new RegExp(sorted.map(escapeLiteral).join('|'), 'gu')
  return (text, sections) => find(text, pattern, byContent, sections)
}

function find(text: string, pattern: RegExp, byContent: ReadonlyMap<string, AddedToken>, sections: Sections): void {
  let from = 0
  for (const match of text.matchAll(pattern)) {
    const token = byContent.get(match[0]) as AddedToken
    const [start, end] = [match.index, match.index + match[0].length]
    if (token.single_word && touchesWord(text, start, end)) continue
    const left = token.lstrip ? Math.max(leftOfSpace(text, start), from) : start
    if (left > from) sections.text(text.slice(from, left), from)
    sections.token(token.id)
    from = token.rstrip ? rightOfSpace(text, end) : end
  }
  if (from < text.length) sections.text(text.slice(from), from)
}

// Two code units hold the character next to the border, also beyond the basic plane.
const touchesWord = (text: string, start: number, end: number): boolean =>
  ENDS_IN_WORD.test(text.slice(Math.max(0, start - 2), start)) || STARTS_WITH_WORD.test(text.slice(end, end + 2))

function leftOfSpace(text: string, start: number): number {
  let at = start
  while (at > 0 && WHITE_SPACE.test(text[at - 1] as string)) at--
  return at
}

function rightOfSpace(text: string, end: number): number {
  let at = end
  while (at < text.length && WHITE_SPACE.test(text[at] as string)) at++
  return at
}
