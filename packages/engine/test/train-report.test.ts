import { readFile } from 'node:fs/promises'
import { openModel } from '@sinter/model'
import { ortNodeBackend } from '@sinter/tensor-core'
import { describe, expect, test } from 'vitest'
import { buildTrainReport, writeTrainReport } from '../src/report/build-train-report.ts'
import { trainCurve } from '../src/report/train-curve.ts'
import { renderTrainPage } from '../src/report/train-page.ts'
import { type TrainReport, trainReportSchema } from '../src/report/train-report.ts'
import { sampleTraining } from '../src/train/sample-training.ts'
import { at, demoPath, recipeOf, runTraining } from './train-setup.ts'

const report: TrainReport = {
  version: 1,
  tool: { name: 'sinter', version: '0.1.0' },
  date: '2026-01-02T03:04:05.678Z',
  model: { name: 'Tiny', family: 'llama', params: 3_400_000 },
  output: 'out/tiny',
  recipe: { method: { name: 'lora', rank: 8 } },
  machine: { processor: 'two cores', threads: 2 },
  trained: [
    { name: 'model.layers.*.q_proj.lora_A.weight', tensors: 4, values: 8192 },
    { name: 'model.layers.*.q_proj.lora_B.weight', tensors: 4, values: 25_808 },
  ],
  data: { documents: 106, rows: 1035, heldOutRows: 8 },
  steps: 3,
  tokens: 12_288,
  seconds: 250,
  curve: {
    step: [1, 2, 3],
    terms: { loss: [3, 2.5, 2.25], crossEntropy: [2, 1.5, 1.25], divergence: [1, 1, 1] },
    gradientNorm: [10, 1, 0.1],
    learningRate: [0, 0.001, 0.0005],
    tokensPerSecond: [40, 50, 60],
  },
  evaluations: [
    { step: 0, terms: { loss: 3.125, crossEntropy: 2, divergence: 1 } },
    { step: 3, terms: { loss: 2.375, crossEntropy: 1.5, divergence: 1 } },
  ],
  generations: [{ prompt: 'Once', base: 'upon a thyme', model: 'upon a time' }],
}

/** Elements open and close in order. */
function checkNesting(page: string): void {
  const open: string[] = []
  for (const [, slash, name] of page.replace(/<!doctype html>/, '').matchAll(/<(\/?)([a-zA-Z][\w]*)[^>]*>/g)) {
    if (['meta', 'br'].includes(name!)) continue
    if (slash) expect(open.pop()).toBe(name)
    else open.push(name!)
  }
  expect(open).toEqual([])
}

describe('report of a training', () => {
  test('shows the numbers that it was given', () => {
    const page = renderTrainPage(report)
    const shown = [
      'Tiny',
      '3.40 M parameters',
      '2.375',
      'held-out loss, 3.125 before',
      '34,000',
      'values trained, 1.0 % of the model',
      'steps on 1,035 rows of 106 documents',
      '12,288',
      'tokens in 4 min 10 s',
      'q_proj.lora_A.weight',
      'upon a time',
      'upon a thyme',
      'Divergence from the teacher',
      '&quot;rank&quot;: 8',
    ]
    for (const text of shown) expect(page).toContain(text)
    // Loss, its two terms, learning rate, norm, speed.
    expect(page.match(/<svg/g)).toHaveLength(6)
    checkNesting(page)
  })

  test('is one file: no script, nothing from elsewhere, the same bytes every time', () => {
    const page = renderTrainPage(report)
    expect(page).not.toMatch(/<script|<link|<img|<iframe|@import|url\(|\bon\w+=|\bsrc=|\bhref=/i)
    expect(page).toContain(`content="default-src 'none'; style-src 'unsafe-inline'"`)
    expect(renderTrainPage(structuredClone(report))).toBe(page)
  })

  test('text of models and file names stays text', () => {
    const evil = `</style><script>alert("1")</script>'&`
    const page = renderTrainPage({
      ...report,
      model: { name: evil, family: evil, params: 1 },
      output: evil,
      recipe: { [evil]: evil },
      machine: { [evil]: evil },
      trained: [{ name: evil, tensors: 1, values: 1 }],
      curve: { ...report.curve, terms: { [evil]: [1, 2, 3] } },
      evaluations: [{ step: 0, terms: { [evil]: 1 } }],
      generations: [{ prompt: evil, base: evil, model: evil }],
    })
    expect(page).not.toContain('<script')
    checkNesting(page)
  })

  test('a run of one step, of none, and of nothing held out', () => {
    const one = { step: [1], terms: { loss: [2] }, gradientNorm: [0], learningRate: [0], tokensPerSecond: [5] }
    const none = { step: [], terms: {}, gradientNorm: [], learningRate: [], tokensPerSecond: [] }
    for (const curve of [one, none])
      checkNesting(renderTrainPage({ ...report, curve, evaluations: [], generations: [] }))
    expect(renderTrainPage({ ...report, curve: none })).not.toContain('<svg')
  })

  test('what is not a report is refused with the place', () => {
    expect(() => renderTrainPage({ ...report, steps: 'three' })).toThrow(/not a report of a training:[\s\S]*steps/)
    const curve = { ...report.curve, gradientNorm: [1] }
    expect(() => renderTrainPage({ ...report, curve })).toThrow(/columns of one length/)
  })
})

test('very long runs are thinned to means', () => {
  const steps = Array.from({ length: 10 }, (_, i) => ({
    step: i + 1,
    terms: { loss: i },
    gradientNorm: 2 * i,
    learningRate: 1,
    tokens: 10,
    seconds: i < 4 ? 1 : 2,
  }))
  expect(trainCurve(steps, 10).step).toHaveLength(10)
  expect(trainCurve(steps, 4)).toEqual({
    step: [3, 6, 9, 10],
    terms: { loss: [1, 4, 7, 9] },
    gradientNorm: [2, 8, 14, 18],
    learningRate: [1, 1, 1, 1],
    tokensPerSecond: [10, 30 / 5, 5, 5],
  })
})

test('a run gives a report that says what it did', async () => {
  const { result } = await runTraining({}, { out: at('reported') })
  const model = await openModel(demoPath)
  const backend = ortNodeBackend({ threads: 1 })
  try {
    const generations = await sampleTraining(model, result, { backend, tokens: 6 })
    expect(generations).toHaveLength(result.prompts.length)
    expect(generations[0]!.base).not.toBe('')
    const built = await buildTrainReport({ model, recipe: recipeOf(), result, threads: 1, generations })
    expect(trainReportSchema.parse(JSON.parse(JSON.stringify(built)))).toEqual(JSON.parse(JSON.stringify(built)))
    expect(built.curve.terms.loss).toEqual(result.losses)
    expect(built.evaluations[0]!.terms).toEqual(result.before)
    const paths = await writeTrainReport(built, result.path)
    expect(paths).toEqual({ json: at('reported.report.json'), html: at('reported.report.html') })
    expect(await readFile(paths.html, 'utf8')).toContain('<svg')
  } finally {
    await backend.close()
    await model.close()
  }
})
