import { type AddedToken, createFinder } from './added-tokens.ts'
import { type BpeModel, createBpe } from './bpe.ts'
import { readBpeModel } from './bpe-file.ts'
import { compileDecoder } from './decoder.ts'
import { compileNormalizer, type Normalizer } from './normalizer.ts'
import { compilePostProcessor, type PostProcessor } from './post-processor.ts'
import { compilePreTokenizer } from './pre-tokenizer.ts'
import type { TokenizerCore } from './tokenizer.ts'
import type { TokenizerFile } from './tokenizer-file.ts'

/** Byte-level and byte-fallback BPE: every stage of tokenizer.json compiled to a function. Throws on an unknown stage. */
export function createBpeTokenizer(file: TokenizerFile): TokenizerCore {
  const model = readBpeModel(file)
  // No closure below may hold `file` or the merges of `model`: for Gemma they are 120 MB that nobody reads again.
  const added = file.added_tokens
  const vocab = model.vocab
  const normalize = compileNormalizer(file.normalizer)
  const tokens = tokensById(added, vocab, normalize)
  const addedIds = new Map(added.map(token => [token.content, token.id]))
  const special = new Set(added.filter(token => token.special).map(token => token.content))
  return {
    vocabSize: new Set(tokens.filter(token => token !== undefined)).size,
    ...createEncode(createPlainEncode(file, model, normalize), compilePostProcessor(file.post_processor)),
    ...createDecode(tokens, special, compileDecoder(file.decoder)),
    ...createLookup(tokens, addedIds, vocab),
  }
}

const createEncode = (
  encodePlain: (text: string) => number[],
  addSpecial: PostProcessor,
): Pick<TokenizerCore, 'encode'> => ({
  encode: (text, addSpecialTokens) => (addSpecialTokens ? addSpecial(encodePlain(text)) : encodePlain(text)),
})

const createDecode = (
  tokens: Tokens,
  special: ReadonlySet<string>,
  decodeTokens: (tokens: readonly string[]) => string,
): Pick<TokenizerCore, 'decode'> => ({
  decode(ids, skipSpecialTokens) {
    const known = ids.map(id => tokens[id]).filter(token => token !== undefined)
    return decodeTokens(skipSpecialTokens ? known.filter(token => !special.has(token)) : known)
  },
})

const createLookup = (
  tokens: Tokens,
  addedIds: ReadonlyMap<string, number>,
  vocab: ReadonlyMap<string, number>,
): Pick<TokenizerCore, 'tokenOf' | 'idOf'> => ({
  tokenOf: id => tokens[id],
  idOf: token => addedIds.get(token) ?? vocab.get(token),
})

type Tokens = readonly (string | undefined)[]

/** An added token that is looked for in normalized text is spelt in its normalized form, as the reference spells it. */
function tokensById(added: readonly AddedToken[], vocab: ReadonlyMap<string, number>, normalize: Normalizer): Tokens {
  const tokens: (string | undefined)[] = []
  for (const [token, id] of vocab) tokens[id] = token
  for (const { id, content, normalized } of added) tokens[id] = normalized ? normalize(content) : content
  return tokens
}

/**
 * Text → ids without special tokens. Added tokens are cut out first, from the text as it is and then from the
 * normalized text; what is between them is normalized, cut into pieces and merged piece by piece.
 */
function createPlainEncode(file: TokenizerFile, model: BpeModel, normalize: Normalizer): (text: string) => number[] {
  const preTokenizer = compilePreTokenizer(file.pre_tokenizer)
  const encodePiece = createBpe(model, preTokenizer.finish)
  const asWritten = createFinder(
    file.added_tokens.filter(token => !token.normalized),
    content => content,
  )
  const normalized = createFinder(
    file.added_tokens.filter(token => token.normalized),
    normalize,
  )
  return text => {
    const ids: number[] = []
    const token = (id: number): void => void ids.push(id)
    const section = (part: string, atStart: boolean): void =>
      preTokenizer.split(part, atStart, piece => encodePiece(piece, ids))
    asWritten(text.toWellFormed(), {
      token,
      text: (part, start) =>
        normalized(normalize(part), { token, text: (inner, innerStart) => section(inner, start + innerStart === 0) }),
    })
    return ids
  }
}
