import type { Tokenizer } from '../tokenizer/tokenizer.ts'
import type { Document } from './document.ts'

/** A stretch of a document that is learnt, or given, as a whole. */
export interface ExampleRun {
  readonly text: string
  readonly tokens: number
  readonly learnt: boolean
}

/** A document as text, cut where its mask changes. Token 0, which is never predicted, counts as the run's that follows it. */
export function runsOf({ ids, targets }: Document, tokenizer: Tokenizer): ExampleRun[] {
  const ends = boundaries(targets)
  // Decoded from the beginning each time: what a token writes may depend on what stands before it.
  const shown = [0, ...ends].map(end => tokenizer.decode(ids.subarray(0, end)))
  return ends.map((end, i) => ({
    text: shown[i + 1]!.slice(shown[i]!.length),
    tokens: end - (ends[i - 1] ?? 0),
    learnt: targets[end - 1] === 1,
  }))
}

/** Where runs end. */
function boundaries(targets: Uint8Array): number[] {
  const ends: number[] = []
  for (let t = 2; t < targets.length; t++) if (targets[t] !== targets[t - 1]) ends.push(t)
  return [...ends, targets.length]
}
