import type { Tokenizer } from '../tokenizer/tokenizer.ts'
import { type Document, documentOf } from './document.ts'

/** The tokens that go before and after those of a text. */
export interface Frame {
  readonly before: readonly number[]
  readonly after: readonly number[]
}

/**
 * What the tokenizer itself puts around a text, found on a letter, and an end token unless there is one.
 * @param appendEos without effect when the tokenizer names no end token
 */
export function frameOf(tokenizer: Tokenizer, appendEos: boolean): Frame {
  const bare = tokenizer.encode('a', { addSpecialTokens: false })
  const whole = tokenizer.encode('a')
  const start = bare.length === 0 ? whole.length : Math.max(0, whole.indexOf(bare[0]!))
  const after = whole.slice(start + bare.length)
  const eos = tokenizer.eosIds[0]
  if (appendEos && eos !== undefined && after.at(-1) !== eos) after.push(eos)
  return { before: whole.slice(0, start), after }
}

/** @param from first token of `ids` that is to be learnt; what comes after the text is learnt as well */
export function framed({ before, after }: Frame, ids: readonly number[], from = 0): Document {
  // A text may end with the end token in writing.
  const end = ids.length > 0 && ids.at(-1) === after.at(-1) ? after.slice(0, -1) : after
  const all = new Int32Array(before.length + ids.length + end.length)
  all.set(before)
  all.set(ids, before.length)
  all.set(end, before.length + ids.length)
  // Begin tokens are given, never said.
  return documentOf(all, before.length + from)
}
