import { FormatError } from './format-error.ts'
import { tokenType } from './gguf-token-types.ts'
import { boolOf, type GgufMetadata, type GgufValue, numberOf, numbersOf } from './gguf-value.ts'
import type { Json } from './json-strict.ts'

type Stages = { readonly [stage: string]: Json }

const keyOf =
  (metadata: GgufMetadata) =>
  (name: string): GgufValue | undefined =>
    metadata.get(`tokenizer.ggml.${name}`)

/** The id of the token for what has none. @throws FormatError `schema` when it is no token */
function unknownId(metadata: GgufMetadata, tokens: readonly string[]): number {
  const id = numberOf(keyOf(metadata)('unknown_token_id'))
  if (id !== undefined && Number.isInteger(id) && id >= 0 && id < tokens.length) return id
  throw new FormatError('schema', `gguf: expected tokenizer.ggml.unknown_token_id to be one of ${tokens.length} tokens`)
}

/** llama.cpp's `bert`: it marks beginnings of words where WordPiece marks their continuations. */
export function wordPieceStages(metadata: GgufMetadata, tokens: readonly string[], types: readonly number[]): Stages {
  const flag = (name: string): boolean => boolOf(keyOf(metadata)(`normalizer.${name}`)) ?? true
  const unknown = unknownId(metadata, tokens)
  const spelled = (token: string, id: number): string => {
    if (types[id] !== tokenType.normal) return token
    return token.startsWith('▁') ? token.slice(1) : `##${token}`
  }
  return {
    normalizer: {
      type: 'BertNormalizer',
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: flag('strip_accents'),
      lowercase: flag('lowercase'),
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: tokens[unknown]!,
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(tokens.map((token, id) => [spelled(token, id), id])),
    },
  }
}

/** llama.cpp's `t5`: Unigram over pieces with scores. @throws FormatError `schema` when the scores are not those of the tokens */
export function unigramStages(metadata: GgufMetadata, tokens: readonly string[]): Stages {
  const key = keyOf(metadata)
  const scores = numbersOf(key('scores'))
  if (scores?.length !== tokens.length)
    throw new FormatError('schema', `gguf: ${tokens.length} tokens, but ${scores?.length ?? 'no'} scores`)
  const scheme = boolOf(key('add_space_prefix')) === false ? 'never' : 'always'
  const space = { type: 'Metaspace', replacement: '▁', prepend_scheme: scheme, split: true }
  const collapses = boolOf(key('remove_extra_whitespaces')) ?? true
  const table = numbersOf(key('precompiled_charsmap'))
  return {
    normalizer: table
      ? { type: 'Precompiled', precompiled_charsmap: Buffer.from(Uint8Array.from(table)).toString('base64') }
      : null,
    pre_tokenizer: collapses ? { type: 'Sequence', pretokenizers: [{ type: 'WhitespaceSplit' }, space] } : space,
    decoder: space,
    model: {
      type: 'Unigram',
      unk_id: unknownId(metadata, tokens),
      byte_fallback: false,
      vocab: tokens.map((token, id) => [token, scores[id]!]),
    },
  }
}
