import type { Tokenizer } from './tokenizer/tokenizer.ts'

/** Text of tokens as they come. */
export interface TextStream {
  readonly ids: readonly number[]
  /** What is new to read: empty while the bytes of a character are not all there. */
  push(id: number): string
  /** All the text after the prompt. */
  text(): string
}

/** Tokens that are decoded again with a new one, for spaces between them depend on what stands before. */
const CONTEXT = 8

/**
 * Turns tokens that follow a prompt into text, piece by piece: a character of several tokens waits until all of them are there.
 * A token costs the same however long the text is.
 */
export function textStream(tokenizer: Tokenizer, prompt: readonly number[]): TextStream {
  const ids: number[] = []
  const decoded = (tokens: readonly number[]) => tokenizer.decode(tokens, { skipSpecialTokens: true })
  let window = prompt.slice(-CONTEXT)
  let shown = decoded(window).length
  let text = ''
  return {
    ids,
    push(id) {
      ids.push(id)
      window = [...window, id]
      const now = decoded(window)
      if (now.endsWith('\ufffd')) return ''
      const fresh = now.slice(shown)
      text += fresh
      window = window.slice(-CONTEXT)
      shown = decoded(window).length
      return fresh
    },
    text: () => text + decoded(window).slice(shown),
  }
}
