import { z } from 'zod'
import { FormatError } from '../formats/format-error.ts'
import { isPlainBpe } from './bpe-file.ts'
import { createBpeTokenizer } from './bpe-tokenizer.ts'
import { createLibraryTokenizer } from './library-tokenizer.ts'
import { parseJson, readTokenizerFile } from './tokenizer-file.ts'

/** Text ↔ token ids, by the tokenizer.json of a model. */
export interface Tokenizer {
  /** Number of different tokens, added ones included. A model's embedding may have more rows. */
  readonly vocabSize: number
  readonly bosId?: number
  /** Tokens that end a text. Empty when tokenizer_config.json does not say. */
  readonly eosIds: readonly number[]
  /** Jinja source; see `renderChat`. */
  readonly chatTemplate?: string
  /** As tokenizer_config.json writes them; chat templates refer to them. */
  readonly bosToken?: string
  readonly eosToken?: string
  /**
   * Ids of a text of any length, in time O(n log n) and without copies of it. Unpaired surrogates count as U+FFFD.
   * @param options.addSpecialTokens puts the begin and end tokens that the model expects around it; on by default
   */
  encode(text: string, options?: { addSpecialTokens?: boolean }): number[]
  /** Text of `ids`; ids that no token has are left out, bytes that are not UTF-8 become U+FFFD. */
  decode(ids: ArrayLike<number>, options?: { skipSpecialTokens?: boolean }): string
  tokenOf(id: number): string | undefined
  idOf(token: string): number | undefined
}

/** What an implementation gives; `loadTokenizer` adds what tokenizer_config.json says. */
export interface TokenizerCore {
  readonly vocabSize: number
  encode(text: string, addSpecialTokens: boolean): number[]
  decode(ids: readonly number[], skipSpecialTokens: boolean): string
  tokenOf(id: number): string | undefined
  idOf(token: string): number | undefined
}

/** Contents of the files, as text or parsed. */
export interface TokenizerSources {
  readonly tokenizerJson: unknown
  readonly tokenizerConfig?: unknown
  /** Contents of chat_template.jinja, which goes before the template in tokenizer_config.json. */
  readonly chatTemplate?: string
}

const tokenName = z.union([z.string(), z.object({ content: z.string() }).transform(token => token.content)]).nullish()
const namedTemplate = z.object({ name: z.string(), template: z.string() })
const configSchema = z.object({
  bos_token: tokenName,
  eos_token: tokenName,
  chat_template: z.union([z.string(), z.array(namedTemplate)]).nullish(),
})

/** Builds a tokenizer. @throws FormatError that says which part of which file is missing, malformed or not known */
export function loadTokenizer({ tokenizerJson, tokenizerConfig, chatTemplate }: TokenizerSources): Tokenizer {
  const core = explain('tokenizer.json', () => createCore(tokenizerJson))
  const config = explain('tokenizer_config.json', () => readConfig(tokenizerConfig))
  const template = chatTemplate ?? pickTemplate(config.chat_template)
  const [bos, eos] = [config.bos_token ?? undefined, config.eos_token ?? undefined]
  const [bosId, eosId] = [bos, eos].map(token => (token === undefined ? undefined : core.idOf(token)))
  return {
    vocabSize: core.vocabSize,
    eosIds: eosId === undefined ? [] : [eosId],
    ...(bosId !== undefined && { bosId }),
    ...(bos !== undefined && { bosToken: bos }),
    ...(eos !== undefined && { eosToken: eos }),
    ...(template !== undefined && { chatTemplate: template }),
    encode: (text, options) => core.encode(text, options?.addSpecialTokens ?? true),
    decode: (ids, options) => core.decode(Array.from(ids), options?.skipSpecialTokens ?? false),
    tokenOf: id => core.tokenOf(id),
    idOf: token => core.idOf(token),
  }
}

function createCore(tokenizerJson: unknown): TokenizerCore {
  const file = readTokenizerFile(tokenizerJson)
  return isPlainBpe(file) ? createBpeTokenizer(file) : createLibraryTokenizer(file)
}

function readConfig(config: unknown): z.infer<typeof configSchema> {
  return configSchema.parse((typeof config === 'string' ? parseJson(config, 'tokenizer_config.json') : config) ?? {})
}

/** Several templates: the one called "default" is the one for chat. */
function pickTemplate(template: z.infer<typeof configSchema>['chat_template']): string | undefined {
  if (Array.isArray(template)) return template.find(entry => entry.name === 'default')?.template
  return template ?? undefined
}

function explain<T>(file: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof FormatError) throw error
    const what = error instanceof z.ZodError ? `is malformed:\n${z.prettifyError(error)}` : (error as Error).message
    const message = what.startsWith(file) ? what : `${file}${error instanceof z.ZodError ? '' : ':'} ${what}`
    throw new FormatError('schema', message, { cause: error })
  }
}
