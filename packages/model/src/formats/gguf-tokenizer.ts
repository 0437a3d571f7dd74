import type { Config } from './config-fields.ts'
import { FormatError } from './format-error.ts'
import { turnEnd } from './gguf-stops.ts'
import { tokenType } from './gguf-token-types.ts'
import { kindOf, type TokenizerKind } from './gguf-tokenizer-kinds.ts'
import { type GgufValue, ggufArray, ggufBool, ggufString, ggufU32 } from './gguf-value.ts'
import { isObject } from './json-strict.ts'

export interface TokenizerInput {
  readonly tokenizerJson: Config
  readonly tokenizerConfig?: Config | undefined
  readonly generationConfig?: Config | undefined
  readonly chatTemplate?: string | undefined
  /** Rows of the token embedding: unused ids are filled up. */
  readonly vocabSize: number
  readonly config: Config
}

interface AddedToken {
  readonly id: number
  readonly content: string
  readonly special: boolean
}

/**
 * A tokenizer.json as GGUF metadata.
 * @throws FormatError `unsupported` for a kind that llama.cpp lacks, `schema` when the vocabulary is larger than the embedding
 */
export function tokenizerToGguf(input: TokenizerInput): {
  readonly keys: ReadonlyMap<string, GgufValue>
  readonly notes: readonly string[]
} {
  const kind = kindOf(input.tokenizerJson)
  const added = addedTokens(input.tokenizerJson)
  const tokens = tokensById(kind.vocab, added, input.vocabSize)
  const keys = new Map<string, GgufValue>()
  for (const [key, value] of [
    ['model', ggufString(kind.model)] as const,
    ['tokens', ggufArray('string', texts(tokens, added, kind))] as const,
    ['token_type', ggufArray('i32', types(tokens, added, kind.unknown))] as const,
    ...kind.keys(tokens),
    ...specialTokens(input, tokens, kind),
  ])
    keys.set(`tokenizer.ggml.${key}`, value)
  const template = input.chatTemplate ?? input.tokenizerConfig?.chat_template
  if (typeof template === 'string') keys.set('tokenizer.chat_template', ggufString(template))
  return { keys, notes: kind.notes }
}

function addedTokens(json: Config): ReadonlyMap<number, AddedToken> {
  const list = Array.isArray(json.added_tokens) ? (json.added_tokens as readonly unknown[]) : []
  const found = new Map<number, AddedToken>()
  for (const token of list)
    if (isObject(token) && typeof token.id === 'number' && typeof token.content === 'string')
      found.set(token.id, { id: token.id, content: token.content, special: token.special === true })
  return found
}

function tokensById(
  vocab: Iterable<readonly [string, number]>,
  added: ReadonlyMap<number, AddedToken>,
  vocabSize: number,
): readonly (string | undefined)[] {
  const tokens = new Array<string | undefined>(vocabSize).fill(undefined)
  const put = (id: number, token: string): void => {
    if (!Number.isInteger(id) || id < 0 || id >= vocabSize)
      throw new FormatError(
        'schema',
        `tokenizer.json: the token ${JSON.stringify(token)} has id ${id}, but the model has ${vocabSize} rows`,
      )
    tokens[id] = token
  }
  for (const [token, id] of vocab) put(id, token)
  for (const { id, content } of added.values()) put(id, content)
  return tokens
}

/** A file cannot have the same text twice; ids without a token get names that no text spells. */
const texts = (
  tokens: readonly (string | undefined)[],
  added: ReadonlyMap<number, AddedToken>,
  { spelled }: TokenizerKind,
): string[] => tokens.map((token, id) => (token === undefined ? `[PAD${id}]` : added.has(id) ? token : spelled(token)))

function types(
  tokens: readonly (string | undefined)[],
  added: ReadonlyMap<number, AddedToken>,
  unknown: unknown,
): number[] {
  return tokens.map((token, id) => {
    if (token === undefined) return tokenType.unused
    if (token === unknown) return tokenType.unknown
    if (/^<0x[0-9A-Fa-f]{2}>$/.test(token)) return tokenType.byte
    const entry = added.get(id)
    if (!entry) return tokenType.normal
    return entry.special ? tokenType.control : tokenType.userDefined
  })
}

/** Tokens with a role, by the names that end in `_token` in tokenizer_config.json. */
const roles: readonly (readonly [field: string, key: string])[] = [
  ['bos_token', 'bos_token_id'],
  ['eos_token', 'eos_token_id'],
  ['unk_token', 'unknown_token_id'],
  ['pad_token', 'padding_token_id'],
]

function specialTokens(
  input: TokenizerInput,
  tokens: readonly (string | undefined)[],
  { unknown, unknownHasRole, endSeparates }: TokenizerKind,
): [string, GgufValue][] {
  const keys: [string, GgufValue][] = []
  const around = tokensAround(input.tokenizerJson)
  const implied: Readonly<Record<string, unknown>> = {
    bos_token: around?.before,
    eos_token: around?.after,
    unk_token: unknownHasRole ? unknown : undefined,
  }
  const separator = endSeparates ? indexOf(tokens, around?.after) : undefined
  // llama.cpp spells it so.
  if (separator !== undefined) keys.push(['seperator_token_id', ggufU32(separator)])
  for (const [field, key] of roles) {
    // What the post-processor adds goes first: llama.cpp adds the token with the role, whatever another file calls it.
    const id = indexOf(tokens, implied[field]) ?? roleId(input, field, tokens)
    if (id !== undefined) keys.push([key, ggufU32(id)])
    if (field !== 'eos_token') continue
    const eot = turnEnd(input.config, input.generationConfig, tokens, id)
    if (eot !== undefined) keys.push(['eot_token_id', ggufU32(eot)])
  }
  const bos = around ? around.before !== undefined : input.tokenizerConfig?.add_bos_token === true
  const eos = around ? around.after !== undefined : input.tokenizerConfig?.add_eos_token === true
  keys.push(['add_bos_token', ggufBool(bos)], ['add_eos_token', ggufBool(eos)])
  return keys
}

function indexOf(tokens: readonly (string | undefined)[], token: unknown): number | undefined {
  const id = typeof token === 'string' ? tokens.indexOf(token) : -1
  return id >= 0 ? id : undefined
}

function roleId(input: TokenizerInput, field: string, tokens: readonly (string | undefined)[]): number | undefined {
  const named = input.tokenizerConfig?.[field]
  const byName = indexOf(tokens, isObject(named) ? named.content : named)
  if (byName !== undefined) return byName
  const stored = input.config[`${field}_id`] ?? input.generationConfig?.[`${field}_id`]
  const id = Array.isArray(stored) ? stored[0] : stored
  return typeof id === 'number' && id >= 0 && id < tokens.length ? id : undefined
}

/** The tokens that the post-processor puts before and after a text; undefined when it does not say. */
function tokensAround(json: Config): { readonly before?: string; readonly after?: string } | undefined {
  const post = json.post_processor
  const all = isObject(post) && Array.isArray(post.processors) ? (post.processors as readonly unknown[]) : [post]
  const template = all.find(p => isObject(p) && p.type === 'TemplateProcessing')
  if (!isObject(template) || !Array.isArray(template.single)) return undefined
  const single = template.single as readonly unknown[]
  const special = (item: unknown): string | undefined =>
    isObject(item) && isObject(item.SpecialToken) ? String(item.SpecialToken.id) : undefined
  const before = special(single[0])
  const after = single.length > 1 ? special(single.at(-1)) : undefined
  return { ...(before !== undefined && { before }), ...(after !== undefined && { after }) }
}
