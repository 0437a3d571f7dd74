import { byteAlphabet, type JsonObject } from '@sinter/model'
import { bpeMerges, type Merge } from './bpe-merges.ts'

/** Tokens 0, 1, 2 of every demo tokenizer. */
export const MARKS: readonly string[] = ['<|pad|>', '<|bos|>', '<|end|>']

/** What there is before the first merge: the marks, then a character for each byte in the order of their code points. */
export const firstTokens: readonly string[] = [...MARKS, ...byteAlphabet.toSorted()]

/** Contents of tokenizer.json: byte-level BPE over words with digits each alone. */
export function tokenizerFile(words: ReadonlyMap<string, number>, size: number): JsonObject {
  const merges = bpeMerges(words, firstTokens, size)
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: MARKS.map((content, id) => ({
      id,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: null,
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        { type: 'Digits', individual_digits: true },
        { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
      ],
    },
    post_processor: null,
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: vocabularyOf(merges),
      merges: merges.map(({ left, right }) => [left, right]),
    },
  }
}

function vocabularyOf(merges: readonly Merge[]): Record<string, number> {
  const tokens = new Set([...firstTokens, ...merges.map(({ left, right }) => left + right)])
  return Object.fromEntries([...tokens].map((token, number) => [token, number]))
}
