import type { Tokenizer } from '../tokenizer/tokenizer.ts'
import { dataError } from './data-error.ts'
import type { Document } from './document.ts'
import { type Frame, framed } from './frame.ts'

/**
 * A prompt and the completion that is to be learnt. The prompt's tokens are those that `generate` would be given. Where the last
 * of them would join with the completion (the prompt ends with a space), both are encoded apart, so that the model learns
 * to go on from the prompt as it will meet it.
 * @throws SinterError `data` when encoding apart would change the text
 */
export function encodePrompt(
  tokenizer: Tokenizer,
  frame: Frame,
  { prompt, completion }: { readonly prompt: string; readonly completion: string },
  where: string,
): Document {
  const encode = (text: string) => tokenizer.encode(text, { addSpecialTokens: false })
  const head = encode(prompt)
  const whole = encode(prompt + completion)
  if (startsWith(whole, head)) return framed(frame, whole, head.length)
  const apart = head.concat(encode(completion))
  if (tokenizer.decode(apart) === tokenizer.decode(whole)) return framed(frame, apart, head.length)
  throw dataError(
    where,
    `the end of the prompt and the beginning of the completion share a token, and this tokenizer cannot encode them apart; ` +
      'move the white space at the end of the prompt to the beginning of the completion',
  )
}

export const startsWith = (ids: ArrayLike<number>, beginning: readonly number[]): boolean =>
  beginning.length <= ids.length && beginning.every((id, i) => ids[i] === id)
