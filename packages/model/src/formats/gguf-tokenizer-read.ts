import type { Config } from './config-fields.ts'
import { FormatError } from './format-error.ts'
import { sentencePieceMerges } from './gguf-merges.ts'
import { tokenType } from './gguf-token-types.ts'
import { unigramStages, wordPieceStages } from './gguf-tokenizer-read-kinds.ts'
import { boolOf, type GgufMetadata, numberOf, numbersOf, stringOf, stringsOf } from './gguf-value.ts'
import type { Json } from './json-strict.ts'
import { preTokenizerJson } from './pre-tokenizers.ts'

export interface GgufTokenizer {
  /** In the shape of tokenizer.json. */
  readonly tokenizerJson: Config
  /** In the shape of tokenizer_config.json. */
  readonly tokenizerConfig: Config
  readonly chatTemplate?: string
}

/**
 * The tokenizer of a GGUF file, or undefined when it has none.
 * @throws FormatError `unsupported` for a kind that is not known, `schema` when its arrays disagree
 */
export function tokenizerFromGguf(metadata: GgufMetadata): GgufTokenizer | undefined {
  const key = (name: string): ReturnType<GgufMetadata['get']> => metadata.get(`tokenizer.ggml.${name}`)
  const tokens = stringsOf(key('tokens'))
  const kind = stringOf(key('model'))
  if (!tokens || kind === undefined || kind === 'none') return undefined
  const types = numbersOf(key('token_type')) ?? tokens.map(() => tokenType.normal)
  if (types.length !== tokens.length)
    throw new FormatError('schema', `gguf: ${tokens.length} tokens, but ${types.length} token types`)
  const chatTemplate = stringOf(metadata.get('tokenizer.chat_template'))
  return {
    tokenizerJson: jsonOf(metadata, kind, tokens, types),
    tokenizerConfig: tokenizerConfig(metadata, tokens),
    ...(chatTemplate !== undefined && { chatTemplate }),
  }
}

function jsonOf(metadata: GgufMetadata, kind: string, tokens: readonly string[], types: readonly number[]): Config {
  switch (kind) {
    case 'gpt2':
      return byteLevel(metadata, tokens, types)
    case 'bert':
      return assemble(metadata, tokens, types, wordPieceStages(metadata, tokens, types))
    case 't5':
      return assemble(metadata, tokens, types, unigramStages(metadata, tokens))
    default:
      return sentencePiece(metadata, kind, tokens, types)
  }
}

function byteLevel(metadata: GgufMetadata, tokens: readonly string[], types: readonly number[]): Config {
  const merges = stringsOf(metadata.get('tokenizer.ggml.merges'))
  if (!merges) throw new FormatError('schema', 'gguf: expected tokenizer.ggml.merges beside a gpt2 tokenizer')
  const pre = stringOf(metadata.get('tokenizer.ggml.pre')) ?? 'default'
  const known = preTokenizerJson(pre)
  if (!known) throw new FormatError('unsupported', `gguf: the pre-tokenizer ${JSON.stringify(pre)} is not known here`)
  return assemble(metadata, tokens, types, {
    normalizer: pre === 'qwen2' ? { type: 'NFC' } : null,
    pre_tokenizer: known.json,
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: bpe({ ignore_merges: known.ignoreMerges }, tokens, types, merges.map(mergeOf)),
  })
}

/**
 * A merge is two tokens around one space; a token never begins with one, so the first space after that divides. Without another
 * space the text itself says so in a tokenizer.json: half a million pairs would take fifty megabytes.
 */
function mergeOf(merge: string): string | readonly string[] {
  const space = merge.indexOf(' ', 1)
  const plain = merge[0] !== ' ' && space > 0 && merge.indexOf(' ', space + 1) < 0
  return plain ? merge : [merge.slice(0, space), merge.slice(space + 1)]
}

function sentencePiece(
  metadata: GgufMetadata,
  kind: string,
  tokens: readonly string[],
  types: readonly number[],
): Config {
  const scores = numbersOf(metadata.get('tokenizer.ggml.scores'))
  if (kind !== 'llama' || !scores || scores.length !== tokens.length)
    throw new FormatError(
      'unsupported',
      `gguf: tokenizers of kind ${JSON.stringify(kind)} are not read (gpt2, llama, bert and t5 are)`,
    )
  const prefix = boolOf(metadata.get('tokenizer.ggml.add_space_prefix')) ?? true
  const replace = { type: 'Replace', pattern: { String: ' ' }, content: '▁' }
  const strip = prefix ? [{ type: 'Strip', content: ' ', start: 1, stop: 0 }] : []
  return assemble(metadata, tokens, types, {
    normalizer: prefix ? { type: 'Sequence', normalizers: [{ type: 'Prepend', prepend: '▁' }, replace] } : replace,
    pre_tokenizer: null,
    decoder: {
      type: 'Sequence',
      decoders: [
        { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
        { type: 'ByteFallback' },
        { type: 'Fuse' },
        ...strip,
      ],
    },
    model: bpe({ byte_fallback: true, fuse_unk: true }, tokens, types, sentencePieceMerges(tokens, types, scores)),
  })
}

function bpe(
  options: { readonly [key: string]: Json },
  tokens: readonly string[],
  types: readonly number[],
  merges: readonly (string | readonly string[])[],
): { readonly [key: string]: Json } {
  const unknown = types.indexOf(tokenType.unknown)
  const vocab: [string, number][] = []
  for (const [id, token] of tokens.entries())
    if (types[id] === tokenType.normal || types[id] === tokenType.byte || types[id] === tokenType.unknown)
      vocab.push([token, id])
  return {
    type: 'BPE',
    dropout: null,
    unk_token: unknown >= 0 ? tokens[unknown]! : null,
    continuing_subword_prefix: null,
    end_of_word_suffix: null,
    fuse_unk: false,
    byte_fallback: false,
    ignore_merges: false,
    ...options,
    vocab: Object.fromEntries(vocab),
    merges: merges as Json,
  }
}

function assemble(metadata: GgufMetadata, tokens: readonly string[], types: readonly number[], parts: Config): Config {
  const added = tokens.flatMap((content, id) => {
    const type = types[id]
    const isAdded = type === tokenType.control || type === tokenType.userDefined || type === tokenType.unknown
    const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false }
    return isAdded ? [{ id, content, ...flags, special: type !== tokenType.userDefined }] : []
  })
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: added,
    ...parts,
    post_processor: around(metadata, tokens),
  }
}

function around(metadata: GgufMetadata, tokens: readonly string[]): Json {
  const used: Record<string, Json> = {}
  const piece = (role: string): Json[] => {
    const id = numberOf(metadata.get(`tokenizer.ggml.${role}_token_id`))
    const token = id === undefined ? undefined : tokens[id]
    if (boolOf(metadata.get(`tokenizer.ggml.add_${role}_token`)) !== true || id === undefined || token === undefined)
      return []
    used[token] = { id: token, ids: [id], tokens: [token] }
    return [{ SpecialToken: { id: token, type_id: 0 } }]
  }
  const single = [...piece('bos'), { Sequence: { id: 'A', type_id: 0 } }, ...piece('eos')]
  if (single.length === 1) return null
  const pair = [...single, { Sequence: { id: 'B', type_id: 1 } }]
  return { type: 'TemplateProcessing', single, pair, special_tokens: used }
}

function tokenizerConfig(metadata: GgufMetadata, tokens: readonly string[]): Config {
  const token = (role: string): string | null => {
    const id = numberOf(metadata.get(`tokenizer.ggml.${role}_token_id`))
    return (id === undefined ? undefined : tokens[id]) ?? null
  }
  return {
    tokenizer_class: 'PreTrainedTokenizerFast',
    bos_token: token('bos'),
    eos_token: token('eos'),
    unk_token: token('unknown'),
    pad_token: token('padding'),
    clean_up_tokenization_spaces: false,
  }
}
