import { generate, logits, type Model, type Tokenizer } from '@sinter/model'
import type { Backend, Tensor } from '@sinter/tensor-core'
import type { Answer, Question } from './client.ts'

/** A text for models that nobody gave one for: words, digits, marks, letters of other scripts, a line break. */
const DEFAULT_TEXT =
  'The old clock in the tower struck 7, and the baker opened his shop. "Two loaves, please," said Anna; she paid with a coin ' +
  'of 1900.\nOutside it had begun to rain. The café across the street was still closed, but a light burned in the kitchen, ' +
  'where somebody sang — softly — a song that everyone in the village knew.'

/** Tokens that the continued text begins with. */
const PROMPT_TOKENS = 8

export interface WhatToAsk {
  readonly text: string | undefined
  readonly tokens: number
  readonly greedy: number
  readonly python: string | undefined
}

/** The tokens of a text, or, without a tokenizer, tokens from all over the vocabulary. */
export function questionFor(model: Model, path: string, { text, tokens, greedy, python }: WhatToAsk): Question {
  const { tokenizer } = model
  const vocabulary = model.config.vocabSize
  const asked = tokenizer && (text ?? DEFAULT_TEXT)
  const ids = (tokenizer && asked !== undefined ? tokenizer.encode(asked) : scattered(vocabulary, tokens)).slice(
    0,
    tokens,
  )
  return { path, ids, prompt: ids.slice(0, PROMPT_TOKENS), greedy, text: asked, vocabulary, python }
}

/** Steps by the golden section meet all parts of a range early. */
const scattered = (vocabulary: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => Math.floor((i * 0.6180339887498949 * vocabulary) % vocabulary))

/** What Sinter makes of the question. */
export async function askOurselves(model: Model, backend: Backend, question: Question): Promise<Answer> {
  const { ids, prompt, greedy, text } = question
  const input: Tensor = { dtype: 'i32', shape: [1, ids.length], data: Int32Array.from(ids) }
  const computed = (await logits(model, backend, input)).get('logits')!.data as Float32Array
  const continued: number[] = []
  for await (const id of generate(model, backend, prompt, { tokens: greedy, temperature: 0, stopIds: [] }))
    continued.push(id)
  return {
    logits: computed,
    greedy: continued,
    ...(text !== undefined && { tokenized: plainTokens(model.tokenizer!, text) }),
  }
}

const plainTokens = (tokenizer: Tokenizer, text: string): number[] => [
  ...tokenizer.encode(text, { addSpecialTokens: false }),
]
