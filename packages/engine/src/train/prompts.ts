import type { Documents, Tokenizer } from '@sinter/model'

/** A report shows so many. */
const PROMPTS = 2
/** Of a plain text: a sentence or two. */
const TEXT_TOKENS = 24
/** A prompt longer than this is no sample but a job. */
const MOST_TOKENS = 192

/**
 * Beginnings that a model can continue: what stands before the first token to learn, or, where all is to be learnt, the first
 * tokens.
 * @param chosen numbers of documents; those that are too long are passed over
 */
export async function promptsOf(
  documents: Documents,
  chosen: readonly number[],
  tokenizer: Tokenizer,
): Promise<string[]> {
  const prompts = new Set<string>()
  // Of many documents the first may all be unfit; looking at more than these would be reading the set again.
  for (const number of chosen.slice(0, 8 * PROMPTS)) {
    if (prompts.size === PROMPTS) break
    const { tokens } = documents.entry(number)
    const { ids, targets } = await documents.read(number, 0, Math.min(tokens, MOST_TOKENS + 1))
    const given = targets.indexOf(1)
    if (given < 0) continue
    const prompt = tokenizer.decode(ids.subarray(0, given > 1 ? given : TEXT_TOKENS), { skipSpecialTokens: true })
    if (prompt.trim() !== '') prompts.add(prompt)
  }
  return [...prompts]
}
