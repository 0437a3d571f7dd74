import type { Config } from './config-fields.ts'
import { FormatError } from './format-error.ts'
import { turnEnd } from './gguf-stops.ts'
import { tokenType } from './gguf-token-types.ts'
import { type GgufValue, ggufArray, ggufBool, ggufString, ggufU32 } from './gguf-value.ts'
import { isObject } from './json-strict.ts'
import { preTokenizerName } from './pre-tokenizers.ts'

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
 * A tokenizer.json as GGUF metadata: byte-level BPE as `gpt2`, byte-fallback BPE as `llama` (SentencePiece's way).
 * @throws FormatError `unsupported` for another kind of tokenizer, `schema` when the vocabulary is larger than the embedding
 */
export function tokenizerToGguf(input: TokenizerInput): {
  readonly keys: ReadonlyMap<string, GgufValue>
  readonly notes: readonly string[]
} {
  const model = input.tokenizerJson.model
  if (!isObject(model) || model.type !== 'BPE' || !isObject(model.vocab) || !Array.isArray(model.merges))
    throw new FormatError(
      'unsupported',
      `tokenizer.json: GGUF is written for BPE tokenizers, this one is ${JSON.stringify(isObject(model) ? model.type : model)}`,
    )
  const added = addedTokens(input.tokenizerJson)
  const tokens = tokensById(model.vocab as Readonly<Record<string, number>>, added, input.vocabSize)
  const merges = model.merges.map(merge => (Array.isArray(merge) ? merge.map(String) : String(merge).split(' ')))
  const spm = model.byte_fallback === true
  const keys = new Map<string, GgufValue>([
    ['tokenizer.ggml.model', ggufString(spm ? 'llama' : 'gpt2')],
    ['tokenizer.ggml.tokens', ggufArray('string', texts(tokens))],
    ['tokenizer.ggml.token_type', ggufArray('i32', types(tokens, added, model.unk_token))],
  ])
  const notes: string[] = []
  if (spm) {
    keys.set('tokenizer.ggml.pre', ggufString('default'))
    keys.set('tokenizer.ggml.scores', ggufArray('f32', scores(tokens, merges)))
    keys.set('tokenizer.ggml.add_space_prefix', ggufBool(addsSpacePrefix(input.tokenizerJson)))
  } else {
    const pre = preTokenizerName(input.tokenizerJson.pre_tokenizer, model.ignore_merges === true)
    if (pre === undefined)
      notes.push('llama.cpp has no pre-tokenizer like this one (tokenizer.json): it may split text differently')
    keys.set('tokenizer.ggml.pre', ggufString(pre ?? 'default'))
    keys.set(
      'tokenizer.ggml.merges',
      ggufArray(
        'string',
        merges.map(pair => pair.join(' ')),
      ),
    )
  }
  for (const [key, value] of specialTokens(input, tokens)) keys.set(`tokenizer.ggml.${key}`, value)
  const template = input.chatTemplate ?? input.tokenizerConfig?.chat_template
  if (typeof template === 'string') keys.set('tokenizer.chat_template', ggufString(template))
  return { keys, notes }
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
  vocab: Readonly<Record<string, number>>,
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
  for (const [token, id] of Object.entries(vocab)) put(id, token)
  for (const { id, content } of added.values()) put(id, content)
  return tokens
}

/** A file cannot have the same text twice; ids without a token get names that no text spells. */
const texts = (tokens: readonly (string | undefined)[]): string[] => tokens.map((token, id) => token ?? `[PAD${id}]`)

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

/**
 * SentencePiece joins the pair whose result scores highest; BPE joins the pair that was merged first. Minus the rank of
 * the first merge that makes a token turns one into the other.
 */
function scores(tokens: readonly (string | undefined)[], merges: readonly (readonly string[])[]): number[] {
  const rank = new Map<string, number>()
  for (const [i, pair] of merges.entries()) {
    const made = pair.join('')
    if (!rank.has(made)) rank.set(made, i)
  }
  // What no merge makes must never win against what one does.
  const last = -merges.length - 1
  return tokens.map(token => (token === undefined ? last : -(rank.get(token) ?? -last)))
}

function addsSpacePrefix(json: Config): boolean {
  const text = JSON.stringify(json.normalizer ?? null)
  if (text.includes('"Prepend"')) return true
  const pre = json.pre_tokenizer
  return isObject(pre) && pre.type === 'Metaspace' && pre.prepend_scheme !== 'never' && pre.add_prefix_space !== false
}

/** Tokens with a role, by the names that end in `_token` in tokenizer_config.json. */
const roles: readonly (readonly [field: string, key: string])[] = [
  ['bos_token', 'bos_token_id'],
  ['eos_token', 'eos_token_id'],
  ['unk_token', 'unknown_token_id'],
  ['pad_token', 'padding_token_id'],
]

function specialTokens(input: TokenizerInput, tokens: readonly (string | undefined)[]): [string, GgufValue][] {
  const keys: [string, GgufValue][] = []
  const around = tokensAround(input.tokenizerJson)
  const implied: Readonly<Record<string, string | undefined>> = { bos_token: around?.before, eos_token: around?.after }
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
