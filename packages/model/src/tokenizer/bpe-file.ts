import { z } from 'zod'
import type { BpeModel } from './bpe.ts'
import { MAX_VOCAB } from './limits.ts'
import type { Merge } from './merge-table.ts'
import type { TokenizerFile } from './tokenizer-file.ts'

const options = z.object({
  unk_token: z.string().nullish(),
  fuse_unk: z.boolean().nullish(),
  byte_fallback: z.boolean().nullish(),
  ignore_merges: z.boolean().nullish(),
  continuing_subword_prefix: z.string().nullish(),
  end_of_word_suffix: z.string().nullish(),
})

/**
 * Whether the model is BPE as language models use it. Marks at the begin or end of words (CLIP, the first GPT) are of
 * another time and left to the library.
 */
export function isPlainBpe({ model }: TokenizerFile): boolean {
  if ((model.type ?? 'BPE') !== 'BPE' || !('merges' in model)) return false
  return !model.continuing_subword_prefix && !model.end_of_word_suffix
}

/** Reads the model of a tokenizer.json. Throws when a merge names or makes a token that the vocabulary lacks. */
export function readBpeModel({ model }: TokenizerFile): BpeModel {
  const read = options.parse(model)
  const vocab = readVocab(model.vocab)
  const mergeParts = readMergeParts(model.merges)
  return {
    vocab,
    merges: mergeParts.map((parts, rank) => resolveMerge(vocab, parts, rank)),
    mergeParts,
    unk: read.unk_token === null || read.unk_token === undefined ? undefined : vocab.get(read.unk_token),
    fuseUnk: read.fuse_unk ?? false,
    byteFallback: read.byte_fallback ?? false,
    ignoreMerges: read.ignore_merges ?? false,
  }
}

// Half a million entries: checked by hand, since a schema would make an object for each.
function readVocab(value: unknown): Map<string, number> {
  if (typeof value !== 'object' || value === null) throw new Error('tokenizer.json: model.vocab must be an object.')
  const entries = Object.entries(value)
  checkCount('model.vocab', entries.length)
  const vocab = new Map<string, number>()
  for (const [token, id] of entries) {
    if (!Number.isInteger(id) || id < 0 || id > MAX_VOCAB) {
      throw new Error(
        `tokenizer.json: the id of ${JSON.stringify(token)} is ${id}; expected an integer from 0 to ${MAX_VOCAB}.`,
      )
    }
    vocab.set(token, id)
  }
  return vocab
}

/** Merges are written `["a", "b"]`, or by older versions `"a b"`. */
function readMergeParts(value: unknown): [string, string][] {
  if (!Array.isArray(value)) throw new Error('tokenizer.json: model.merges must be a list.')
  checkCount('model.merges', value.length)
  return value.map((merge: unknown, rank) => {
    const parts = typeof merge === 'string' ? merge.split(' ') : merge
    if (!Array.isArray(parts) || parts.length !== 2 || !parts.every(part => typeof part === 'string' && part !== '')) {
      throw new Error(`tokenizer.json: merge ${rank} is ${JSON.stringify(merge)}; expected two tokens.`)
    }
    return parts as [string, string]
  })
}

function checkCount(what: string, count: number): void {
  if (count > MAX_VOCAB) throw new Error(`tokenizer.json: ${what} has ${count} entries; at most ${MAX_VOCAB} are read.`)
}

function resolveMerge(
  vocab: ReadonlyMap<string, number>,
  [left, right]: readonly [string, string],
  rank: number,
): Merge {
  const ids = [left, right, left + right].map(token => {
    const id = vocab.get(token)
    if (id === undefined)
      throw new Error(
        `tokenizer.json: merge ${rank} needs the token ${JSON.stringify(token)}, which is not in model.vocab.`,
      )
    return id
  })
  return ids as unknown as Merge
}
