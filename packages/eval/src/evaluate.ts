import type { Model, Tokenizer } from '@sinter/model'
import { type Divergence, divergence } from './divergence.ts'
import { type Perplexity, perplexity } from './perplexity.ts'
import { type ScoreOptions, scoreWindows } from './score-windows.ts'
import { cutWindows, type Protocol } from './windows.ts'

export interface EvaluateOptions extends ScoreOptions {
  readonly model: Model
  /** The original: adds its perplexity and the divergence from it. */
  readonly base?: Model | undefined
  /** Tokenised whole by the model's tokenizer; without special tokens in protocol A. */
  readonly text?: string | undefined
  /** Token ids in place of a text. */
  readonly ids?: ArrayLike<number> | undefined
  /** At most this many windows, from the start; all when absent. */
  readonly windows?: number | undefined
  /** Tokens of a window. Default 1,024. */
  readonly length?: number | undefined
  readonly protocol?: Protocol | undefined
}

/** Plain numbers, ready for JSON. */
export interface Evaluation {
  readonly protocol: Protocol
  /** Windows that were scored. */
  readonly windows: number
  readonly length: number
  /** Predictions that counted. */
  readonly predictions: number
  /** Tokens of the whole text. */
  readonly textTokens: number
  readonly perplexity: Perplexity
  /** Of the original. */
  readonly basePerplexity?: Perplexity
  readonly divergence?: Divergence
}

/**
 * Perplexity of a model on a text and, with a base, how far its predictions have moved from the base's. Needs memory for one
 * block, the hidden states and a slice of the output embedding; never for the logits of the text.
 * @throws RangeError for a text that is empty or too short, logits that are not finite, or vocabularies that differ
 */
export async function evaluate(options: EvaluateOptions): Promise<Evaluation> {
  const { model, base, length = 1024, protocol = 'A' } = options
  if (base) checkVocabularies(model, base, options.text)
  const ids = tokenIds(options, protocol)
  const bosId = protocol === 'B' ? wantedBos(model.tokenizer) : undefined
  const windows = cutWindows(ids, { protocol, length, windows: options.windows, bosId })
  const scores = await scoreWindows(model, base, windows, options)
  return {
    protocol,
    windows: windows.length,
    length,
    predictions: scores.nll.length,
    textTokens: ids.length,
    perplexity: perplexity(scores.nll),
    ...(scores.base && { basePerplexity: perplexity(scores.base.nll), divergence: divergence(scores) }),
  }
}

function tokenIds({ model, text, ids }: EvaluateOptions, protocol: Protocol): ArrayLike<number> {
  if ((text === undefined) === (ids === undefined))
    throw new TypeError(`evaluate: expected either a text or token ids, got ${text === undefined ? 'neither' : 'both'}`)
  if (ids) return ids
  if (!model.tokenizer)
    throw new TypeError(`${model.path} has no tokenizer: put its tokenizer.json beside it, or give token ids`)
  return model.tokenizer.encode(text!, { addSpecialTokens: protocol === 'B' })
}

/** The begin token, when the tokenizer puts it before every text. */
export function wantedBos(tokenizer: Tokenizer | undefined): number | undefined {
  const bosId = tokenizer?.bosId
  return bosId !== undefined && tokenizer!.encode('', { addSpecialTokens: true })[0] === bosId ? bosId : undefined
}

/** A divergence compares probabilities of the same tokens: both models must number them alike. */
function checkVocabularies(model: Model, base: Model, text: string | undefined): void {
  const [ours, theirs] = [model.config.vocabSize, base.config.vocabSize]
  if (ours !== theirs)
    throw new RangeError(
      `the vocabularies differ: ${model.path} has ${ours} tokens, ${base.path} has ${theirs}; a divergence needs a base with the same tokenizer`,
    )
  if (!model.tokenizer || !base.tokenizer) return
  // The start of the text is enough to tell two tokenizers apart, and costs nothing.
  const sample = (text ?? 'Ünïcode, numbers 12345 and\n\n  spaces').slice(0, 10_000)
  const [a, b] = [model.tokenizer, base.tokenizer].map(tokenizer =>
    tokenizer.encode(sample, { addSpecialTokens: false }),
  )
  const at = a!.findIndex((id, i) => id !== b![i])
  if (at >= 0 || a!.length !== b!.length)
    throw new RangeError(
      `the tokenizers differ: ${model.path} and ${base.path} cut the same text differently from token ${at < 0 ? Math.min(a!.length, b!.length) : at} on; a divergence needs the same tokenizer`,
    )
}
