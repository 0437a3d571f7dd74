import { existsSync, readFileSync } from 'node:fs'
import { openModel } from '@sinter/model'
import { expect, test } from 'vitest'
import { sinter, sinterJson, workplace } from './helpers/sinter.ts'

const { path } = workplace()

interface DemoResult {
  readonly name: string
  readonly path: string
  readonly report: string
  readonly bytes: number
  readonly originalBytes: number
  readonly bitsPerWeight: number
  readonly original: { readonly perplexity: number; readonly continuation: string }
  readonly compressed: { readonly perplexity: number; readonly kl: number; readonly continuation: string }
}

type DemoStudent = Pick<DemoResult, 'bytes' | 'compressed'>

test('the demo: two recipes that keep the model, one that does not, a student, a GGUF and reports', {
  timeout: 300_000,
}, async () => {
  const { recipes, student } = await sinterJson<{ recipes: DemoResult[]; student: DemoStudent }>(
    'demo',
    '--out',
    path('demo'),
  )
  const [gptq, sparse, rounded] = recipes as [DemoResult, DemoResult, DemoResult]
  expect(recipes.map(({ bitsPerWeight }) => bitsPerWeight)).toEqual([
    4.5,
    expect.closeTo(3.31, 1),
    expect.closeTo(2, 2),
  ])
  for (const { bytes, originalBytes, report } of recipes) {
    expect(bytes).toBeLessThan(originalBytes / 2.5)
    expect(readFileSync(report, 'utf8')).toContain('<svg')
  }
  expect(gptq.compressed.kl).toBeLessThan(0.001)
  expect(sparse.compressed.kl).toBeLessThan(0.01)
  expect(rounded.compressed.kl).toBeGreaterThan(0.1)
  expect(gptq.original.continuation).toContain('15 + 4 = 19')
  expect(gptq.compressed.continuation).toBe(gptq.original.continuation)
  expect(rounded.compressed.continuation).not.toBe(gptq.original.continuation)

  // A quarter of the size, and much nearer than what was rounded to an eighth of it.
  expect(student.bytes).toBeLessThan(gptq.originalBytes / 3.9)
  expect(student.compressed.kl).toBeLessThan(rounded.compressed.kl / 4)
  expect(student.compressed.continuation).not.toBe('')

  const model = await openModel(gptq.path)
  expect(model.source.kind).toBe('gguf')
  await model.close()

  // A second call replaces what the first one made, and shows the table.
  const again = await sinter('demo', '--out', path('demo'))
  expect(again.code).toBe(0)
  expect(again.stdout).toMatch(/recipe +size +bits\/weight +perplexity +KL \(nats\) +same top +seconds/)
  expect(existsSync(path('demo/gptq-4bit.gguf.sinter-run'))).toBe(false)
})
