import { type ChatMessage, renderChat } from '../tokenizer/chat.ts'
import type { Tokenizer } from '../tokenizer/tokenizer.ts'
import { dataError } from './data-error.ts'
import type { Document } from './document.ts'
import { startsWith } from './encode-prompt.ts'

/**
 * A conversation of which the assistant's turns are to be learnt. Templates do not say where a turn is, so the beginnings of the
 * conversation are rendered: up to the opening of the assistant's turn, and up to its end. What lies between is the turn,
 * the token that ends it included. Begin and end tokens are the template's own.
 * @throws SinterError `data` when a beginning is rendered otherwise than in the whole, or the template refuses
 */
export function encodeChat(tokenizer: Tokenizer, messages: readonly ChatMessage[], where: string): Document {
  const ids = Int32Array.from(encodeTurns(tokenizer, messages, false, where))
  const targets = new Uint8Array(ids.length)
  const lengthOf = (turns: number, open: boolean): number => {
    const beginning = encodeTurns(tokenizer, messages.slice(0, turns), open, where)
    if (!startsWith(ids, beginning)) throw notPrefix(where, turns, open)
    return beginning.length
  }
  messages.forEach(({ role }, turn) => {
    if (role !== 'assistant') return
    const start = lengthOf(turn, true)
    const end = turn === messages.length - 1 ? ids.length : lengthOf(turn + 1, false)
    targets.fill(1, Math.max(1, start), end)
  })
  return { ids, targets }
}

function encodeTurns(
  tokenizer: Tokenizer,
  messages: readonly ChatMessage[],
  addGenerationPrompt: boolean,
  where: string,
): number[] {
  try {
    return tokenizer.encode(renderChat(tokenizer, messages, { addGenerationPrompt }), { addSpecialTokens: false })
  } catch (cause) {
    throw dataError(where, (cause as Error).message, { cause })
  }
}

function notPrefix(where: string, turns: number, open: boolean): Error {
  const part = open ? `opening of the assistant's turn (messages[${turns}])` : `end of messages[${turns - 1}]`
  return dataError(
    where,
    `the conversation up to the ${part} has other tokens alone than in the whole, so its turns cannot be told apart. The ` +
      'chat template rewrites earlier turns, or the answer begins with white space that joins with what is before it: trim ' +
      'the contents, or write prompt and completion',
  )
}
