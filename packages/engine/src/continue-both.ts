import { createGenerator, type Model, type Tokenizer } from '@sinter/model'
import type { Backend } from '@sinter/tensor-core'
import type { ReportGeneration } from './report/report.ts'

export interface ContinueOptions {
  readonly backend: Backend
  readonly signal?: AbortSignal | undefined
  /** New tokens of each sample. Default 48. */
  readonly tokens?: number | undefined
}

export interface Continued {
  readonly original: Model
  readonly result: Model
  readonly tokenizer: Tokenizer
  readonly prompts: readonly string[]
}

/** The same prompts continued by both, greedily. */
export async function continueBoth(
  { original, result, tokenizer, prompts }: Continued,
  options: ContinueOptions,
): Promise<ReportGeneration[]> {
  const base = await continuations(original, prompts, tokenizer, options)
  const model = await continuations(result, prompts, tokenizer, options)
  return prompts.map((prompt, i) => ({ prompt, base: base[i], model: model[i] }))
}

async function continuations(
  model: Model,
  prompts: readonly string[],
  tokenizer: Tokenizer,
  { backend, signal, tokens = 48 }: ContinueOptions,
): Promise<string[]> {
  if (prompts.length === 0) return []
  const generator = await createGenerator(model, backend)
  const texts: string[] = []
  try {
    for (const prompt of prompts) {
      const ids: number[] = []
      const encoded = [...tokenizer.encode(prompt, { addSpecialTokens: true })]
      for await (const id of generator.generate(encoded, { tokens, temperature: 0, ...(signal && { signal }) }))
        ids.push(id)
      texts.push(tokenizer.decode(ids))
    }
  } finally {
    await generator.close()
  }
  return texts
}
