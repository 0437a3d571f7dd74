import { createGenerator, type Model } from '@sinter/model'
import { type Backend, createRng } from '@sinter/tensor-core'

export interface SelfTextOptions {
  /** Texts to write. */
  readonly count: number
  /** Tokens of a text, its first one included. */
  readonly length: number
  readonly seed?: string | number
  /** Texts that are there already, in order: writing goes on after them. */
  readonly done?: number
  readonly signal?: AbortSignal
}

/** A text that a model wrote, and how: enough to write it again. */
export interface SelfText {
  readonly index: number
  readonly ids: Int32Array
  /** Tokens that were chosen greedily, after the first. */
  readonly greedy: number
}

/**
 * Text that a model writes itself, to train it on when there is no other (LLM-QAT, 2305.17888 §2.1): every text begins with
 * another token of the vocabulary, drawn without replacement; the next 3 to 5 are the likeliest, the rest are sampled. Greedy
 * first, because a text that starts with a rare token finds no way otherwise; sampled then, because greedy text repeats itself.
 */
export async function* selfText(
  model: Model,
  backend: Backend,
  { count, length, seed = 0, done = 0, signal }: SelfTextOptions,
): AsyncGenerator<SelfText> {
  const stops = model.config.eosIds
  const order = createRng(`${seed}/first`).shuffle(Array.from({ length: model.config.vocabSize }, (_, id) => id))
  const firsts = order.filter(id => !stops.includes(id))
  const generator = await createGenerator(model, backend)
  try {
    for (let index = done; index < count; index++) {
      signal?.throwIfAborted()
      const first = firsts[index % firsts.length]!
      const ids = [first]
      const greedy = 3 + createRng(`${seed}/greedy`).split(index).integer(3)
      const write = async (tokens: number, temperature: number) => {
        const options = { tokens, temperature, seed: `${seed}/${index}`, ...(signal && { signal }) }
        for await (const id of generator.generate(ids, { ...options, stopIds: stops })) ids.push(id)
      }
      await write(Math.min(greedy, length - 1), 0)
      if (ids.length === 1 + greedy && ids.length < length) await write(length - ids.length, 1)
      yield { index, ids: Int32Array.from(ids), greedy }
    }
  } finally {
    await generator.close()
  }
}
