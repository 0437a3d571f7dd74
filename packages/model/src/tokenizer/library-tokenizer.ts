import { Tokenizer as LibraryTokenizer } from '@huggingface/tokenizers'
import type { TokenizerCore } from './tokenizer.ts'
import type { TokenizerFile } from './tokenizer-file.ts'

/** Unigram, WordPiece and whatever else is not plain BPE: the library's implementation, with the differences that docs/tokenizers.md lists. */
export function createLibraryTokenizer(file: TokenizerFile): TokenizerCore {
  const library = openLibrary(file)
  const special = new Set(file.added_tokens.filter(token => token.special).map(token => token.id))
  return {
    vocabSize: library.get_vocab().size,
    encode: (text, addSpecialTokens) =>
      library.encode(text.toWellFormed(), { add_special_tokens: addSpecialTokens }).ids,
    decode(ids, skipSpecialTokens) {
      const kept = ids.filter(id => library.id_to_token(id) !== undefined && !(skipSpecialTokens && special.has(id)))
      // Its clean-up of spaces is on unless told otherwise; the reference has none.
      return kept.length === 0 ? '' : library.decode(kept, { clean_up_tokenization_spaces: false })
    },
    tokenOf: id => library.id_to_token(id),
    idOf: token => library.token_to_id(token),
  }
}

/** The library does not check what it reads: a malformed stage shows as a TypeError from somewhere inside it. */
function openLibrary(file: TokenizerFile): LibraryTokenizer {
  try {
    return new LibraryTokenizer(file, {})
  } catch (error) {
    const type = file.model.type ?? 'unknown'
    throw new Error(`tokenizer.json (model type ${type}) has a stage that cannot be read: ${(error as Error).message}`)
  }
}
