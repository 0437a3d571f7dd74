import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { logTicks } from '../src/report/chart.ts'
import { formatBytes, formatCount, formatEstimate, formatNumber, formatSeconds } from '../src/report/format.ts'
import { html } from '../src/report/html.ts'
import { renderPage } from '../src/report/page.ts'
import { reportQuality } from '../src/report/quality.ts'
import type { Report } from '../src/report/report.ts'

const kinds = ['self_attn.q_proj', 'self_attn.k_proj', 'mlp.down_proj']
const layers = Array.from({ length: 12 }, (_, i) => ({
  name: `model.layers.${Math.floor(i / 3)}.${kinds[i % 3]}`,
  block: Math.floor(i / 3),
  method: 'gptq',
  bits: i === 5 ? 6.25 : 4.3125,
  error: 0.001 * (i + 1),
}))

const report: Required<Report> = {
  version: 1,
  tool: { name: 'sinter', version: '0.1.0' },
  date: '2026-01-02T03:04:05.678Z',
  model: { name: 'Tiny', family: 'llama', params: 3_400_000 },
  output: 'out/tiny',
  recipe: { method: 'gptq', options: { bits: 4 } },
  machine: { cpu: 'two cores', threads: 2 },
  timings: { calibrate: 1.25, compress: 125 },
  plan: [{ tensor: 'model.norm.weight', action: 'keep', reason: 'not a matrix' }],
  layers,
  size: {
    before: { untouched: 6_800_000, tokenizer: 30_000 },
    after: { values: 1_700_000, scales: 100_000, zeroPoints: 25_000, untouched: 400_000, tokenizer: 30_000 },
  },
  quality: {
    protocol: 'protocol A',
    base: { ppl: 2.5, se: 0.02 },
    model: { ppl: 2.75, se: 0.03 },
    kl: { mean: 0.0412, se: 0.0013, median: 0.02, p90: 0.1, p99: 0.5, p999: 2 },
    topAgreement: { value: 0.934, se: 0.002 },
  },
  generations: [{ prompt: 'Once', base: 'upon a time', model: 'upon a thyme' }],
  notes: [{ layer: 'model.layers.0.mlp.down_proj', code: 'damping', message: 'raised to 0.1' }],
}

/** Elements open and close in order: what a strict reader of the SVG parts would demand. */
function checkNesting(page: string): void {
  const open: string[] = []
  for (const [, slash, name] of page.replace(/<!doctype html>/, '').matchAll(/<(\/?)([a-zA-Z][\w]*)[^>]*>/g)) {
    if (['meta', 'br'].includes(name!)) continue
    if (slash) expect(open.pop()).toBe(name)
    else open.push(name!)
  }
  expect(open).toEqual([])
}

describe('report', () => {
  test('shows the numbers that it was given', () => {
    const page = renderPage(report)
    const shown = [
      'Tiny',
      '3.40 M parameters',
      '2026-01-02 03:04 UTC',
      '2.750 ± 0.030',
      '0.04120 ± 0.00130',
      '93.4 %',
      '3.03× smaller than 6.83 MB',
      '4.31 – 6.25',
      'upon a thyme',
      'raised to 0.1',
      'not a matrix',
      '2 min 5 s',
    ]
    for (const text of shown) expect(page).toContain(text)
    expect(page.match(/<svg/g)).toHaveLength(5)
    checkNesting(page)
  })

  test('is one file: no script, nothing from elsewhere', () => {
    const page = renderPage(report)
    expect(page).not.toMatch(/<script|<link|<img|<iframe|@import|url\(|\bon\w+=|\bsrc=|\bhref=/i)
    expect(page).toContain(`content="default-src 'none'; style-src 'unsafe-inline'"`)
    expect(page).toContain('prefers-color-scheme: dark')
    expect(page).toContain('name="viewport"')
  })

  test('is the same bytes every time', () => {
    expect(renderPage(structuredClone(report))).toBe(renderPage(report))
  })

  test('text of models and file names stays text', () => {
    const evil = `</style><script>alert("1")</script>'&`
    const page = renderPage({
      model: { name: evil, family: evil },
      output: evil,
      layers: [{ name: evil, block: 0, kind: evil, error: 0.1, bits: 4, method: evil, notes: [evil] }],
      generations: [{ prompt: evil, base: evil, model: evil }],
      notes: [{ code: evil, message: evil }],
      recipe: { [evil]: evil },
      machine: { [evil]: evil },
      quality: { protocol: evil },
    })
    expect(page).not.toContain('<script')
    expect(page.split('</style>').length).toBe(
      renderPage({ layers: [{ name: 'a', block: 0, error: 1, bits: 4 }] }).split('</style>').length,
    )
    checkNesting(page)
  })

  test('any parts may be missing', () => {
    fc.assert(
      fc.property(fc.subarray(Object.keys(report) as (keyof Report)[]), keys => {
        checkNesting(renderPage(Object.fromEntries(keys.map(key => [key, report[key]]))))
      }),
      { numRuns: 60 },
    )
  })

  test('odd layers: zero or missing errors, names outside of blocks, many kinds, one layer', () => {
    const odd: Report['layers'] = [
      { name: 'lm_head', block: null, error: 0.1, bits: 8 },
      { name: 'a.b', block: 0, error: 0 },
      { name: 'a.c', block: 0, error: null, bits: null },
      ...Array.from({ length: 12 }, (_, i) => ({ name: `kind${i}`, block: 3, error: 1e-9, bits: 0 })),
    ]
    for (const some of [odd, odd.slice(0, 1), odd.slice(1, 3), odd.slice(3, 4)])
      checkNesting(renderPage({ layers: some }))
    expect(renderPage({ layers: [] })).not.toContain('<svg')
  })

  test('what is not a report is refused with the place', () => {
    expect(() => renderPage({ layers: [{ name: 5 }] })).toThrow(/this is not a report:[\s\S]*layers\[0\]\.name/)
    expect(() => renderPage(null)).toThrow('this is not a report')
    expect(() => renderPage({ size: { after: { values: -1 } } })).toThrow('size.after.values')
  })

  test('an evaluation fits in', () => {
    const perplexity = { value: 10, standardError: 0.5, meanNll: Math.log(10), nllStandardError: 0.05 }
    const evaluation = { protocol: 'A', windows: 2, length: 64, predictions: 126, textTokens: 200, perplexity } as const
    const quality = reportQuality(evaluation, 'a.txt')
    expect(quality).toMatchObject({ model: { ppl: 10, se: 0.5 }, kl: undefined, base: undefined })
    expect(renderPage(JSON.parse(JSON.stringify({ quality })))).toContain(
      '2 windows of 64 tokens of a.txt, 126 predictions',
    )
  })
})

test('numbers for people', () => {
  expect([0, 4.25, 0.0412, 12345.6, 0.00012, -3].map(formatNumber)).toEqual([
    '0',
    '4.25',
    '0.0412',
    '12,346',
    '1.2e-4',
    '-3',
  ])
  expect([999, 1000, 269_060_544, 5e12].map(formatBytes)).toEqual(['999 B', '1.00 kB', '269 MB', '5.00 TB'])
  expect([12, 3_400_000, 134_515_008, 1.71e9].map(formatCount)).toEqual(['12', '3.40 M', '134.5 M', '1.71 B'])
  expect([0.085, 12.34, 250].map(formatSeconds)).toEqual(['85 ms', '12.3 s', '4 min 10 s'])
  expect(formatEstimate(33.8512, 1.07)).toBe('33.85 ± 1.07')
  expect(formatEstimate(28.438, 0.891)).toBe('28.44 ± 0.89')
  expect(formatEstimate(0.17, 0.0031)).toBe('0.1700 ± 0.0031')
  expect(formatEstimate(5, undefined)).toBe('5')
})

test('ticks of a logarithmic axis', () => {
  expect(logTicks([0.004, 8]).map(formatNumber)).toEqual(['0.01', '0.1', '1'])
  expect(logTicks([0.011, 0.3]).map(formatNumber)).toEqual(['0.02', '0.05', '0.1', '0.2'])
})

test('templates escape what is put into them, and keep what is markup', () => {
  expect(html`<p title="${'"'}">${'<b>'}${[html`<i>${1}</i>`, undefined, false, null]}</p>`.markup).toBe(
    '<p title="&quot;">&lt;b&gt;<i>1</i></p>',
  )
})
