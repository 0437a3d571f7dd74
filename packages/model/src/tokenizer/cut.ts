/** Hands the parts of `piece` on, in order; encoding them one by one gives the same ids as encoding the piece whole. */
export type Cut = (piece: string, take: (part: string) => void) => void

const CODE_POINTS = 0x110000

/**
 * Cuts a long piece where no merge can ever reach across, so that a text without pre-tokenizer (2 MB in one piece for
 * the Gemma family) is encoded word by word.
 *
 * Why it is exact: the border between two characters a|b vanishes only by a merge whose left part ends in a and whose
 * right part begins with b. If no merge in the list has that pair, every sequence of merges leaves the border, and
 * what happens on one side does not depend on the other. Both characters must have tokens of their own; an unknown one
 * could be joined with its neighbour by other rules (bytes, fused unknowns).
 */
export function createCutter(
  vocab: ReadonlyMap<string, number>,
  mergeParts: readonly (readonly [string, string])[],
): Cut {
  const joined = joinedPairs(mergeParts)
  return (piece, take) => {
    let start = 0
    let previous = -1
    for (let at = 0; at < piece.length; ) {
      const code = piece.codePointAt(at) as number
      const size = code > 0xffff ? 2 : 1
      const here = vocab.has(size === 1 ? (piece[at] as string) : piece.slice(at, at + 2)) ? code : -1
      if (previous >= 0 && here >= 0 && !joined.has(previous * CODE_POINTS + here)) {
        take(piece.slice(start, at))
        start = at
      }
      previous = here
      at += size
    }
    if (start < piece.length) take(piece.slice(start))
  }
}

/** All pairs (last character of a left part, first character of a right part). */
function joinedPairs(mergeParts: readonly (readonly [string, string])[]): Set<number> {
  const pairs = new Set<number>()
  for (const [left, right] of mergeParts) {
    pairs.add(lastCodePoint(left) * CODE_POINTS + (right.codePointAt(0) as number))
  }
  return pairs
}

function lastCodePoint(text: string): number {
  const last = text.codePointAt(text.length - 1) as number
  const isLowSurrogate = last >= 0xdc00 && last <= 0xdfff && text.length > 1
  return isLowSurrogate ? (text.codePointAt(text.length - 2) as number) : last
}
