import type { Config } from './config-fields.ts'
import { FormatError } from './format-error.ts'
import { type GgufValue, ggufArray, ggufBool, ggufString } from './gguf-value.ts'
import { isObject } from './json-strict.ts'
import { preTokenizerName } from './pre-tokenizers.ts'

type Tokens = readonly (string | undefined)[]

/** One of llama.cpp's tokenizers, with what of a tokenizer.json goes into its keys. */
export interface TokenizerKind {
  /** `tokenizer.ggml.model` */
  readonly model: 'llama' | 'gpt2' | 'bert' | 't5'
  readonly vocab: Iterable<readonly [token: string, id: number]>
  /** The token for what has none. */
  readonly unknown: unknown
  /** The token for what has none is also the one with that role, whatever other files call so. */
  readonly unknownHasRole?: boolean
  /** What ends a text also stands between two. */
  readonly endSeparates?: boolean
  /** How llama.cpp spells a token that is no special one. */
  readonly spelled: (token: string) => string
  /** What the kind needs beside its tokens, without `tokenizer.ggml.`. */
  readonly keys: (tokens: Tokens) => readonly (readonly [string, GgufValue])[]
  /** Where llama.cpp may split text otherwise. */
  readonly notes: readonly string[]
}

/**
 * Byte-level BPE is `gpt2`, byte-fallback BPE `llama` (SentencePiece's way), WordPiece `bert`, Unigram `t5`.
 * @throws FormatError `unsupported` for another kind
 */
export function kindOf(json: Config): TokenizerKind {
  const { model } = json
  if (isObject(model) && model.type === 'BPE' && isObject(model.vocab) && Array.isArray(model.merges))
    return model.byte_fallback === true ? byteFallback(json, model) : byteLevel(json, model)
  if (isObject(model) && model.type === 'WordPiece' && isObject(model.vocab)) return wordPiece(json, model)
  if (isObject(model) && model.type === 'Unigram' && Array.isArray(model.vocab)) return unigram(json, model)
  throw new FormatError(
    'unsupported',
    `tokenizer.json: GGUF holds BPE, WordPiece and Unigram tokenizers, this one is ${JSON.stringify(isObject(model) ? model.type : model)}`,
  )
}

/** One by one: pairs of a quarter of a million tokens would take 25 MB for a moment. */
const vocabOf = (model: Config): Iterable<readonly [string, number]> => ({
  *[Symbol.iterator]() {
    const vocab = model.vocab as Readonly<Record<string, number>>
    for (const token in vocab) yield [token, vocab[token]!] as const
  },
})
const same = (token: string): string => token

const mergesOf = ({ merges }: Config): readonly (readonly string[])[] =>
  (merges as readonly unknown[]).map(pair => (Array.isArray(pair) ? pair.map(String) : String(pair).split(' ')))

function byteLevel(json: Config, model: Config): TokenizerKind {
  const pre = preTokenizerName(json.pre_tokenizer, model.ignore_merges === true)
  const merges = mergesOf(model).map(pair => pair.join(' '))
  return {
    model: 'gpt2',
    vocab: vocabOf(model),
    unknown: model.unk_token,
    spelled: same,
    keys: () => [
      ['pre', ggufString(pre ?? 'default')],
      ['merges', ggufArray('string', merges)],
    ],
    notes: [
      ...(pre === undefined
        ? ['llama.cpp has no pre-tokenizer like this one (tokenizer.json): it may split text differently']
        : []),
      // Hardly any text is not in NFC.
      ...normalizerNote(json, ['NFC']),
    ],
  }
}

function byteFallback(json: Config, model: Config): TokenizerKind {
  return {
    model: 'llama',
    vocab: vocabOf(model),
    unknown: model.unk_token,
    spelled: same,
    keys: tokens => [
      ['pre', ggufString('default')],
      ['scores', ggufArray('f32', scores(tokens, mergesOf(model)))],
      ['add_space_prefix', ggufBool(addsSpacePrefix(json))],
    ],
    notes: normalizerNote(json, ['Prepend', 'Replace']),
  }
}

/** llama.cpp takes text as it is, but for what the kind itself does. */
function normalizerNote(json: Config, harmless: readonly string[]): readonly string[] {
  const strange = stagesOf(json.normalizer).filter(type => !harmless.includes(type))
  return strange.length === 0
    ? []
    : [`llama.cpp does not normalize text as this tokenizer.json does (${strange.join(', ')})`]
}

/** The types of a stage, or of the stages of a sequence. */
function stagesOf(stage: unknown): readonly string[] {
  if (!isObject(stage)) return []
  return Array.isArray(stage.normalizers) ? stage.normalizers.flatMap(stagesOf) : [String(stage.type)]
}

/**
 * SentencePiece joins the pair whose result scores highest; BPE joins the pair that was merged first. Minus the rank of
 * the first merge that makes a token turns one into the other.
 */
function scores(tokens: Tokens, merges: readonly (readonly string[])[]): number[] {
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
  if (partOf(json.normalizer, 'Prepend')) return true
  const pre = partOf(json.pre_tokenizer, 'Metaspace')
  return pre !== undefined && pre.prepend_scheme !== 'never' && pre.add_prefix_space !== false
}

/** A stage of a type, alone or in a sequence. */
function partOf(stage: unknown, type: string): Config | undefined {
  if (!isObject(stage)) return undefined
  if (stage.type === type) return stage
  const inner = stage.pretokenizers ?? stage.normalizers
  return Array.isArray(inner) ? inner.map(part => partOf(part, type)).find(part => part !== undefined) : undefined
}

function wordPiece(json: Config, model: Config): TokenizerKind {
  const prefix = String(model.continuing_subword_prefix ?? '##')
  const normalizer = partOf(json.normalizer, 'BertNormalizer')
  const lowercase = normalizer?.lowercase === true
  const known = normalizer?.clean_text !== false && normalizer?.handle_chinese_chars !== false
  const split = partOf(json.pre_tokenizer, 'BertPreTokenizer')
  return {
    model: 'bert',
    vocab: vocabOf(model),
    unknown: model.unk_token,
    unknownHasRole: true,
    endSeparates: true,
    // llama.cpp marks beginnings of words where WordPiece marks their continuations.
    spelled: token => (token.startsWith(prefix) ? token.slice(prefix.length) : `▁${token}`),
    keys: () => [
      ['normalizer.lowercase', ggufBool(lowercase)],
      ['normalizer.strip_accents', ggufBool((normalizer?.strip_accents ?? lowercase) === true)],
    ],
    notes:
      normalizer && known && split ? [] : ['llama.cpp splits text as BERT does, and this tokenizer.json otherwise'],
  }
}

function unigram(json: Config, model: Config): TokenizerKind {
  const vocab = model.vocab as readonly (readonly [string, number])[]
  const table = partOf(json.normalizer, 'Precompiled')?.precompiled_charsmap
  const space = partOf(json.pre_tokenizer, 'Metaspace')
  const byId = new Map(vocab.map(([token, score]) => [token, score]))
  // Runs of spaces are one where whitespace is split off, or replaced before.
  const collapses = partOf(json.pre_tokenizer, 'WhitespaceSplit') ?? partOf(json.normalizer, 'Replace')
  return {
    model: 't5',
    vocab: vocab.map(([token], id) => [token, id]),
    unknown: typeof model.unk_id === 'number' ? vocab[model.unk_id]?.[0] : undefined,
    unknownHasRole: true,
    spelled: same,
    keys: tokens => [
      [
        'scores',
        ggufArray(
          'f32',
          tokens.map(token => byId.get(token ?? '') ?? 0),
        ),
      ],
      ['add_space_prefix', ggufBool(space !== undefined && space.prepend_scheme !== 'never')],
      ['remove_extra_whitespaces', ggufBool(collapses !== undefined)],
      ...(typeof table === 'string'
        ? [['precompiled_charsmap', ggufArray('u8', [...Buffer.from(table, 'base64')])] as const]
        : []),
    ],
    notes: space ? [] : ['llama.cpp puts ▁ for spaces, and this tokenizer.json does not'],
  }
}
