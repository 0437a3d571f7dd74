import { FormatError } from './format-error.ts'
import { tokenType } from './gguf-token-types.ts'

/** Characters of a token: published vocabularies have runs of some ten spaces. Each cut of a token is looked up. */
const MAX_TOKEN_LENGTH = 512
/** Gemma's 262 thousand tokens can be joined in 515 thousand ways. */
const MAX_MERGES = 3 * 2 ** 18

/**
 * SentencePiece joins any two neighbours whose union is a token, best score first: that is a list of merges.
 * @throws FormatError `limit` on tokens, or ways to make them, that no vocabulary has
 */
export function sentencePieceMerges(
  tokens: readonly string[],
  types: readonly number[],
  scores: readonly number[],
): readonly (readonly [string, string])[] {
  const ids = new Map<string, number>()
  for (const [id, token] of tokens.entries()) if (!ids.has(token)) ids.set(token, id)
  // Three plain lists: a million small objects would take a hundred megabytes.
  const made: number[] = []
  const left: number[] = []
  const right: number[] = []
  for (const [token, id] of ids) {
    if (types[id] !== tokenType.normal) continue
    for (const cut of cutsOf(token)) {
      const [a, b] = [ids.get(token.slice(0, cut)), ids.get(token.slice(cut))]
      if (a === undefined || b === undefined) continue
      if (made.length === MAX_MERGES)
        throw new FormatError('limit', `gguf: tokens can be joined in more than ${MAX_MERGES} ways`)
      made.push(id)
      left.push(a)
      right.push(b)
    }
  }
  const order = Uint32Array.from(made.keys())
  order.sort((x, y) => scores[made[y]!]! - scores[made[x]!]! || x - y)
  return Array.from(order, i => [tokens[left[i]!]!, tokens[right[i]!]!] as const)
}

/** Places between two characters; a surrogate pair is one. */
function* cutsOf(token: string): Generator<number> {
  if (token.length > MAX_TOKEN_LENGTH)
    throw new FormatError('limit', `gguf: a token of ${token.length} characters; at most ${MAX_TOKEN_LENGTH} are read`)
  for (let cut = 1; cut < token.length; cut++) {
    const unit = token.charCodeAt(cut)
    if (unit < 0xdc00 || unit > 0xdfff) yield cut
  }
}
