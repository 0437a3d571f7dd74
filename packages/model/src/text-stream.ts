import type { Tokenizer } from './tokenizer/tokenizer.ts'

/** Text of tokens as they come. */
export interface TextStream {
  readonly ids: readonly number[]
  /** What is new to read: empty while the bytes of a character are not all there. */
  push(id: number): string
  /** All the text after the prompt. */
  text(): string
}

/** Turns tokens that follow a prompt into text, piece by piece: a character of several tokens waits until all of them are there. */
export function textStream(tokenizer: Tokenizer, prompt: readonly number[]): TextStream {
  const ids: number[] = []
  const before = tokenizer.decode(prompt, { skipSpecialTokens: true })
  let shown = before.length
  const decoded = () => tokenizer.decode([...prompt, ...ids], { skipSpecialTokens: true })
  return {
    ids,
    push(id) {
      ids.push(id)
      const now = decoded()
      if (now.endsWith('\ufffd')) return ''
      const fresh = now.slice(shown)
      shown = now.length
      return fresh
    },
    text: () => decoded().slice(before.length),
  }
}
