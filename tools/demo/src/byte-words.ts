import { toByteAlphabet } from '@sinter/model'

/** Words as GPT-2 cuts them, with the space before; digits each alone, as the tokenizer's file says. */
const WORD = /'(?:s|t|re|ve|m|ll|d)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gu
const DIGIT = /(\p{Nd})/u

/** How often each word comes, its bytes written in the byte alphabet. */
export function countWords(texts: Iterable<string>): Map<string, number> {
  const counts = new Map<string, number>()
  for (const text of texts)
    for (const piece of text.split(DIGIT))
      for (const [word] of piece.matchAll(WORD)) counts.set(word, (counts.get(word) ?? 0) + 1)
  return new Map([...counts].map(([word, count]) => [toByteAlphabet(word), count]))
}
