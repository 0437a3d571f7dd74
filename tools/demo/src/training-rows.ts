import { type DocumentKind, drawDocuments } from '@sinter/eval/world'
import { everyToken, type Tokenizer, type TrainTokens } from '@sinter/model'
import { BOS, END } from './demo-config.ts'

/**
 * Shares of the documents that are trained on. Where people are and sums are what a small model learns last, so they come
 * more often than in the world (18 of 100 each), at the cost of stories (50), most of whose words are chance.
 */
export const TRAINING_SHARES: Readonly<Record<DocumentKind, number>> = {
  story: 0.36,
  where: 0.24,
  sums: 0.28,
  review: 0.05,
  facts: 0.07,
}

export interface RowOptions {
  readonly tokenizer: Tokenizer
  readonly seed: string | number
  readonly shares: Readonly<Record<DocumentKind, number>>
  readonly rows: number
  /** Tokens a row. */
  readonly length: number
}

/**
 * The batch of one step: documents of the calibration half, each between its marks, one after another in rows that begin and end
 * where they will. It depends on nothing but the step, so a run goes on anywhere without a position in the text.
 */
export function rowsOfStep({ tokenizer, seed, shares, rows, length }: RowOptions, step: number): TrainTokens {
  const ids = new Int32Array(rows * length)
  const documents = drawDocuments({ seed: `${seed}/${step}`, shares, half: 'calibration' })
  for (let filled = 0; filled < ids.length; ) {
    const tokens = documentTokens(tokenizer, documents.next().value.text)
    ids.set(tokens.slice(0, ids.length - filled), filled)
    filled += tokens.length
  }
  return everyToken({ dtype: 'i32', shape: [rows, length], data: ids })
}

/** A document between its marks. */
export const documentTokens = (tokenizer: Tokenizer, text: string): number[] => [
  BOS,
  ...tokenizer.encode(text, { addSpecialTokens: false }),
  END,
]
