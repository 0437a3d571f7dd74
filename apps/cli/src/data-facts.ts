import type { DataStatistics, ExampleRun } from '@sinter/model'
import { paint } from './terminal/style.ts'
import { facts } from './terminal/table.ts'
import { amount, percent } from './terminal/units.ts'
import { visible } from './terminal/visible.ts'

/** Statistics of training data, for people. */
export function describeData(statistics: DataStatistics): string {
  return [facts(dataFacts(statistics)), histogram(statistics), example(statistics)].join('\n\n')
}

function dataFacts(statistics: DataStatistics): (readonly [name: string, value: string | undefined])[] {
  const { documents, skipped, tokens, targets, lengths, length, rows, padding, vocabulary } = statistics
  return [
    ['documents', `${documents}${skipped > 0 ? `, and ${skipped} left out with nothing to learn` : ''}`],
    ['tokens', amount(tokens)],
    ['to learn', `${amount(targets)} (${percent(targets / tokens)})`],
    ['length', `${lengths.min} … ${lengths.max}, median ${lengths.median}, 95 % up to ${lengths.p95}`],
    ['rows', `${rows.packed} of ${length} packed, ${rows.single} with a document each`],
    ['padding', `${percent(padding.packed)} packed, ${percent(padding.single)} with a document each`],
    ['cut', share(statistics.truncated, documents, `longer than ${length}`)],
    ['duplicates', share(statistics.duplicates, documents, 'equal to an earlier one')],
    [
      'vocabulary',
      `${vocabulary.used} of ${vocabulary.size} tokens occur (${percent(vocabulary.used / vocabulary.size)})`,
    ],
  ]
}

const share = (count: number, documents: number, what: string): string =>
  count === 0 ? `none ${what}` : `${count} ${what} (${percent(count / documents)})`

const BAR = 32

function histogram({ histogram: buckets }: DataStatistics): string {
  const most = Math.max(...buckets.map(bucket => bucket.documents))
  const rows = buckets.map(({ from, to, documents }) => {
    const bar = '█'.repeat(Math.max(1, Math.round((BAR * documents) / most)))
    return [`${from} … ${to} tokens`, `${bar} ${documents}`] as const
  })
  return facts(rows)
}

function example({ example: { file, line, runs } }: DataStatistics): string {
  const { dim, green } = paint(process.stdout)
  const shown = runs.map(run => (run.learnt ? green(`⟦${short(run)}⟧`) : dim(short(run))))
  return `First example (${file}:${line}); what stands in ⟦ ⟧ is learnt:\n${shown.join('')}`
}

/** Characters of a run that are shown at its beginning and at its end. */
const SHOWN = 240

function short({ text }: ExampleRun): string {
  if (text.length <= 2 * SHOWN) return visible(text)
  return `${visible(text.slice(0, SHOWN))} […] ${visible(text.slice(-SHOWN))}`
}
