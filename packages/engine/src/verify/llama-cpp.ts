import { askLlamaCpp, type Model } from '@sinter/model'
import type { Client, Expectation } from './client.ts'

/** What llama.cpp does to activations that meet a matrix in such an encoding, and how far that carries. */
const exact: Readonly<Record<string, Expectation>> = {
  F32: { tolerance: 0.002, causes: ['llama.cpp sums in another order'] },
  F16: { tolerance: 0.05, causes: ['llama.cpp rounds activations to 16 bits before products with F16 matrices'] },
  BF16: { tolerance: 0.2, causes: ['llama.cpp rounds activations to BF16 before products with BF16 matrices'] },
}

const blocks: Expectation = {
  tolerance: 0.5,
  causes: ['llama.cpp rounds activations to 8 bits before products with block encodings'],
}

const cache = 'its KV cache is kept in F32 here; by default it is F16, which moves logits a little more'

/** llama.cpp through node-llama-cpp, an optional package; for GGUF files. */
export const llamaCpp: Client = {
  name: 'llama.cpp',
  opens: async path => path.endsWith('.gguf'),
  expects: async model => {
    const found = encodingsOf(model).map(encoding => exact[encoding] ?? blocks)
    const { tolerance, causes } = found.reduce((a, b) => (b.tolerance > a.tolerance ? b : a), exact.F32!)
    return { tolerance, causes: [...causes, cache] }
  },
  ask: async ({ path, ids, prompt, greedy, text, vocabulary }) => {
    const texts = text === undefined ? [] : [text]
    // The first row is the one that is continued.
    const [answer] = await askLlamaCpp([{ path, ids: [prompt, ids], greedy, texts, vocabSize: vocabulary }])
    const { logits, tokenized, vocabSize, greedy: continued } = answer!
    return {
      logits: logits.subarray(prompt.length * vocabSize),
      greedy: continued,
      ...(text !== undefined && { tokenized: tokenized[0]! }),
    }
  },
}

/** Of the matrices; vectors are always plain. */
function encodingsOf({ source }: Model): string[] {
  const matrices = source
    .names()
    .map(name => source.info(name))
    .filter(({ shape }) => shape.length > 1)
  return [...new Set(matrices.map(({ encoding }) => encoding))]
}
