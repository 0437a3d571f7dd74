import { createRng } from '@sinter/tensor-core'
import { SinterError } from '../errors.ts'
import type { Documents } from './documents.ts'

/** How much is held out. Give one of the two. */
export interface SplitOptions {
  /** Of the documents, about: between 0 and 1. A document that is held out stays so when others are added. */
  readonly fraction?: number | undefined
  /** Documents, at least: copies of the last go with it. */
  readonly count?: number | undefined
  readonly seed?: string | number | undefined
}

/** Numbers of documents, ascending. */
export interface Split {
  readonly train: Int32Array
  readonly heldOut: Int32Array
}

/**
 * Holds documents out of the training, by a hash of their content and the seed: where they lie does not matter, and copies of a
 * document are on the same side.
 * @throws SinterError `option` for a share that is none, `data` when a side would be empty
 */
export function splitDocuments(documents: Documents, { fraction, count, seed = 0 }: SplitOptions): Split {
  const keys = Float64Array.from({ length: documents.count }, (_, i) => keyOf(seed, documents.entry(i).hash))
  const limit = limitOf(keys, fraction, count)
  const side = (heldOut: boolean) => Int32Array.from([...keys.keys()].filter(i => keys[i]! <= limit === heldOut))
  const [train, heldOut] = [side(false), side(true)]
  const empty = train.length === 0 ? 'train on' : heldOut.length === 0 ? 'hold out' : undefined
  if (empty === undefined) return { train, heldOut }
  throw new SinterError(
    'data',
    `of ${documents.count} ${documents.count === 1 ? 'document' : 'documents'} none is left to ${empty}; hold out a count, give ` +
      'more documents, or name the line that separates them (separator, --separator)',
  )
}

/** Uniform in [0, 1). */
const keyOf = (seed: string | number, hash: number): number => createRng(`${seed}/held-out/${hash}`).uniform()

/** The largest key that is held out. */
function limitOf(keys: Float64Array, fraction: number | undefined, count: number | undefined): number {
  if ((fraction === undefined) === (count === undefined))
    throw new SinterError('option', 'held out: expected either a fraction or a count')
  if (fraction !== undefined) {
    if (fraction > 0 && fraction < 1) return fraction
    throw new SinterError('option', `held out: expected a fraction between 0 and 1, got ${fraction}`)
  }
  if (!Number.isSafeInteger(count) || count! < 1)
    throw new SinterError('option', `held out: expected a whole number of documents from 1, got ${count}`)
  return keys.toSorted()[count! - 1] ?? 1
}
