import { type Column, table } from '../terminal/table.ts'
import { bytes, percent } from '../terminal/units.ts'
import type { DemoResult, Quality } from './run-recipe.ts'
import type { StudentResult } from './score-student.ts'

interface Row {
  readonly name: string
  readonly bytes: number
  readonly bits: number
  readonly quality: Quality
  readonly seconds?: number
}

const columns: readonly Column<Row>[] = [
  { title: 'recipe', value: row => row.name },
  { title: 'size', value: row => bytes(row.bytes), align: 'right' },
  { title: 'bits/weight', value: row => row.bits.toFixed(2), align: 'right' },
  { title: 'perplexity', value: row => row.quality.perplexity.toFixed(3), align: 'right' },
  { title: 'KL (nats)', value: row => row.quality.kl?.toFixed(5) ?? '', align: 'right' },
  { title: 'same top', value: row => maybe(row.quality.topAgreement, percent), align: 'right' },
  { title: 'seconds', value: row => row.seconds?.toFixed(1) ?? '', align: 'right' },
]

const maybe = (value: number | undefined, show: (value: number) => string): string =>
  value === undefined ? '' : show(value)

export function showTable(results: readonly DemoResult[], student: StudentResult): string {
  return table([...originalRow(results), ...[...results, student].map(recipeRow)], columns)
}

function originalRow([first]: readonly DemoResult[]): Row[] {
  if (!first) return []
  return [{ name: 'original', bytes: first.originalBytes, bits: first.originalBits, quality: first.original }]
}

const recipeRow = (result: DemoResult | StudentResult): Row => ({
  name: result.name,
  bytes: result.bytes,
  bits: result.bitsPerWeight,
  quality: result.compressed,
  ...('seconds' in result && { seconds: result.seconds }),
})

/** The same prompt, continued by the original and by each result. */
export function showContinuations(results: readonly DemoResult[], student: StudentResult): string {
  const [first] = results
  if (!first) return ''
  const said = [
    ['original', first.original.continuation] as const,
    ...[...results, student].map(({ name, compressed }) => [name, compressed.continuation] as const),
  ]
  return [
    'All continue the same prompt:',
    indent(first.prompt),
    ...said.map(([name, text]) => `${name}:\n${indent(text.trim())}`),
  ].join('\n')
}

const indent = (text: string): string => text.replace(/^/gm, '  │ ')
