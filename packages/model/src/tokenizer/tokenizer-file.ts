import { z } from 'zod'
import type { AddedToken } from './added-tokens.ts'
import { MAX_JSON_LENGTH, MAX_VOCAB } from './limits.ts'

/** A tokenizer.json whose outer shape has been checked. Its components are checked where they are compiled. */
export interface TokenizerFile {
  readonly model: Readonly<Record<string, unknown>> & { readonly type?: string | undefined }
  readonly added_tokens: readonly AddedToken[]
  readonly normalizer: unknown
  readonly pre_tokenizer: unknown
  readonly post_processor: unknown
  readonly decoder: unknown
}

const addedToken = z.object({
  id: z.int().nonnegative().max(MAX_VOCAB),
  content: z.string(),
  single_word: z.boolean().default(false),
  lstrip: z.boolean().default(false),
  rstrip: z.boolean().default(false),
  normalized: z.boolean().default(false),
  special: z.boolean().default(false),
})

const file = z.object({
  model: z.looseObject({ type: z.string().optional() }),
  added_tokens: z.array(addedToken).max(MAX_VOCAB).default([]),
  normalizer: z.unknown(),
  pre_tokenizer: z.unknown(),
  post_processor: z.unknown(),
  decoder: z.unknown(),
})

/** Reads tokenizer.json from its text or its parsed value. Throws when it is too large, not JSON, or of another shape. */
export function readTokenizerFile(json: unknown): TokenizerFile {
  const value = typeof json === 'string' ? parseJson(json, 'tokenizer.json') : json
  const { normalizer, pre_tokenizer, post_processor, decoder, ...rest } = file.parse(value)
  return { ...rest, normalizer, pre_tokenizer, post_processor, decoder }
}

/** @param file its name, for messages */
export function parseJson(text: string, file: string): unknown {
  if (text.length > MAX_JSON_LENGTH) {
    throw new Error(`${file} has ${text.length} characters; at most ${MAX_JSON_LENGTH} are read.`)
  }
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new Error(`${file} is not JSON (${(error as Error).message}). Was it cut off, or is it a Git LFS pointer?`)
  }
}
