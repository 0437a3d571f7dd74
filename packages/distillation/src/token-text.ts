import type { Tokenizer } from '@sinter/model'

/** Servers that are asked for it name tokens so. */
const NUMBERED = /^token_id:(\d{1,8})$/

/**
 * Reads a token as a server writes it: `token_id:17`, as the vocabulary has it (`Ġthe`), or as text (` the`). Text that several
 * tokens have, like the � of half a character, is none of them.
 */
export function createTokenReader(
  tokenizer: Tokenizer | undefined,
  vocabulary: number,
): (text: string) => number | undefined {
  let texts: ReadonlyMap<string, number> | undefined
  const inside = (id: number | undefined) => (id !== undefined && id < vocabulary ? id : undefined)
  return text => {
    const numbered = NUMBERED.exec(text)
    if (numbered) return inside(Number(numbered[1]))
    if (!tokenizer) return undefined
    texts ??= textsOf(tokenizer, vocabulary)
    return texts.get(text) ?? inside(tokenizer.idOf(text))
  }
}

/** Text of every token behind another one: at the start of a text some tokenizers drop a space. */
function textsOf(tokenizer: Tokenizer, vocabulary: number): ReadonlyMap<string, number> {
  const anchor = tokenizer.encode('a', { addSpecialTokens: false }).slice(-1)
  const before = tokenizer.decode(anchor).length
  const texts = new Map<string, number>()
  const shared = new Set<string>()
  for (let id = 0; id < vocabulary; id++) {
    if (tokenizer.tokenOf(id) === undefined) continue
    const text = tokenizer.decode([...anchor, id]).slice(before)
    if (texts.has(text) || text === '') shared.add(text)
    else texts.set(text, id)
  }
  for (const text of shared) texts.delete(text)
  return texts
}
