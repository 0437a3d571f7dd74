import type { Tokenizer } from '../tokenizer/tokenizer.ts'
import type { Documents } from './documents.ts'
import { type ExampleRun, runsOf } from './example.ts'
import { layOut } from './layout.ts'

/** What a training set holds, before anything is trained on it. */
export interface DataStatistics {
  readonly documents: number
  readonly skipped: number
  readonly tokens: number
  /** Tokens to learn. */
  readonly targets: number
  /** Tokens of a document; median and 95th percentile by nearest rank. */
  readonly lengths: { readonly min: number; readonly median: number; readonly p95: number; readonly max: number }
  /** Documents of `from` to `to` tokens; each bucket is twice as wide as the one before it. */
  readonly histogram: readonly { readonly from: number; readonly to: number; readonly documents: number }[]
  /** Tokens of the rows below. */
  readonly length: number
  readonly rows: { readonly packed: number; readonly single: number }
  /** Share of the rows that is padding. */
  readonly padding: { readonly packed: number; readonly single: number }
  /** Documents longer than a row: cut into windows that do not see each other. */
  readonly truncated: number
  /** Documents equal to one before them, token by token. */
  readonly duplicates: number
  /** Different tokens that occur, of how many. */
  readonly vocabulary: { readonly used: number; readonly size: number }
  readonly example: {
    readonly file: string
    readonly line: number
    readonly tokens: number
    readonly runs: readonly ExampleRun[]
  }
}

/** @param options.length tokens of a row */
export async function describeDocuments(
  documents: Documents,
  {
    tokenizer,
    length,
    seed,
  }: { readonly tokenizer: Tokenizer; readonly length: number; readonly seed?: string | number },
): Promise<DataStatistics> {
  const packed = await layOut(documents, { length, ...(seed !== undefined && { seed }) })
  const single = await layOut(documents, { length, packing: false })
  const entries = Array.from({ length: documents.count }, (_, i) => documents.entry(i))
  const sorted = Int32Array.from(entries, entry => entry.tokens).sort()
  return {
    documents: documents.count,
    skipped: documents.skipped,
    tokens: documents.tokens,
    targets: documents.targets,
    lengths: { min: sorted[0]!, median: rank(sorted, 0.5), p95: rank(sorted, 0.95), max: sorted.at(-1)! },
    histogram: histogramOf(sorted),
    length,
    rows: { packed: packed.rows, single: single.rows },
    padding: { packed: packed.padding, single: single.padding },
    truncated: packed.pieces.cut,
    duplicates: documents.count - new Set(entries.map(entry => entry.hash)).size,
    vocabulary: { used: documents.vocabulary, size: tokenizer.vocabSize },
    example: await exampleOf(documents, tokenizer),
  }
}

/** Nearest rank: the smallest value that `share` of all do not exceed. */
const rank = (sorted: Int32Array, share: number): number => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]!

function histogramOf(sorted: Int32Array): DataStatistics['histogram'] {
  const buckets = new Map<number, number>()
  for (const tokens of sorted) {
    const from = 2 ** Math.floor(Math.log2(tokens))
    buckets.set(from, (buckets.get(from) ?? 0) + 1)
  }
  return [...buckets].map(([from, count]) => ({ from, to: 2 * from - 1, documents: count }))
}

/** More of a document nobody reads on a screen. */
const EXAMPLE_TOKENS = 2048

async function exampleOf(documents: Documents, tokenizer: Tokenizer): Promise<DataStatistics['example']> {
  const { file, line, tokens } = documents.entry(0)
  const read = await documents.read(0, 0, Math.min(tokens, EXAMPLE_TOKENS))
  return { file: documents.files[file]!, line, tokens, runs: runsOf(read, tokenizer) }
}
