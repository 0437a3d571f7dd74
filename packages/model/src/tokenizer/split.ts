/** What happens to the matches of a pattern that cuts text, by the names of tokenizer.json. */
export type Behavior = 'Removed' | 'Isolated' | 'Contiguous' | 'MergedWithPrevious' | 'MergedWithNext'

/** Takes each piece and where it began. */
export type Take = (piece: string, start: number) => void

/**
 * Cuts `text` where `pattern` (flags `gu`) matches and hands the pieces to `take` in order; empty ones are left out.
 * With `invert`, what lies between the matches counts as the matches.
 */
export function splitBy(text: string, pattern: RegExp, behavior: Behavior, invert: boolean, take: Take): void {
  const join = joiner(text, behavior, take)
  let from = 0
  for (const match of matches(text, pattern)) {
    if (match.start > from) join.add(from, match.start, invert)
    join.add(match.start, match.end, !invert)
    from = match.end
  }
  if (from < text.length) join.add(from, text.length, invert)
  join.end()
}

function* matches(text: string, pattern: RegExp): Generator<{ start: number; end: number }> {
  // A fresh lastIndex each time round: the consumer may run the same pattern on a piece in between.
  let at = 0
  while (at <= text.length) {
    pattern.lastIndex = at
    const match = pattern.exec(text)
    if (!match) return
    const end = match.index + match[0].length
    yield { start: match.index, end }
    at = match[0].length > 0 ? end : end + ((text.codePointAt(end) ?? 0) > 0xffff ? 2 : 1)
  }
}

interface Joiner {
  add(start: number, end: number, isMatch: boolean): void
  end(): void
}

/** Joins neighbouring spans as the behaviour says. One span is held back until it is known what joins it. */
function joiner(text: string, behavior: Behavior, take: Take): Joiner {
  let start = 0
  let end = 0
  let previousMatch = false
  const flush = (): void => {
    if (end > start) take(text.slice(start, end), start)
    start = end
  }
  const joins = (isMatch: boolean): boolean => {
    if (behavior === 'Contiguous') return isMatch === previousMatch
    if (behavior === 'MergedWithPrevious') return isMatch && !previousMatch
    return behavior === 'MergedWithNext' && previousMatch && !isMatch
  }
  return {
    add(spanStart, spanEnd, isMatch) {
      const first = end === 0
      if (first || !joins(isMatch)) {
        flush()
        start = spanStart
      }
      end = spanEnd
      previousMatch = isMatch
      if (behavior === 'Removed' && isMatch) start = end
    },
    end: flush,
  }
}
