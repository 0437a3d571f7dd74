import type { Model, Tokenizer } from '@sinter/model'

/** @throws SinterError `tokenizer` when the model has none */
export async function requireTokenizer({ tokenizer, path }: Model): Promise<Tokenizer> {
  const { SinterError } = await import('@sinter/model')
  if (tokenizer) return tokenizer
  throw new SinterError('tokenizer', `${path} has no tokenizer; put its tokenizer.json into the model's folder`)
}
