import { readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { beforeAll, expect, test } from 'vitest'
import { engineClient, recipeText, sinter, workplace } from './engine-setup.ts'

const engine = engineClient()
const { path, calibration } = workplace()
const report = (name: string) => engine.request('report', { path: path(name) })

beforeAll(async () => {
  writeFileSync(path('a.json'), recipeText(calibration, { evaluate: { text: calibration, windows: 2, length: 128 } }))
  await sinter('compress', '--recipe', path('a.json'), '--out', path('small'), '--quiet')
})

test('a report is what its file says', async () => {
  const found = await report('small.report.json')
  const stored = JSON.parse(readFileSync(path('small.report.json'), 'utf8'))
  expect(found.title).toBe(stored.model.name)
  expect(found.quality?.kl).toEqual({ value: stored.quality.kl.mean, se: stored.quality.kl.se })
  expect(found.quality?.perplexity?.value).toBe(stored.quality.model.ppl)
  expect(found.quality?.basePerplexity?.value).toBe(stored.quality.base.ppl)
  expect(found.layers.map(({ name, bits, error }) => ({ name, bits, error }))).toEqual(
    stored.layers.map((layer: Record<string, unknown>) => ({ name: layer.name, bits: layer.bits, error: layer.error })),
  )
  const sum = (parts: readonly { bytes: number }[]) => parts.reduce((total, { bytes }) => total + bytes, 0)
  const storedSum = Object.values<number>(stored.size.after).reduce((total, bytes) => total + bytes, 0)
  expect(sum(found.size!.after)).toBe(storedSum)
  expect(found.plan.length).toBe(stored.plan.length)
  expect(JSON.parse(found.recipe)).toEqual(stored.recipe)
})

test('what is no report is refused with its name', async () => {
  const texts = { empty: '', other: '{ "name": "x" }', list: '[]', wrong: '{ "layers": [{ "name": 1 }] }' }
  for (const [name, text] of Object.entries(texts)) {
    writeFileSync(path(`${name}.json`), text)
    await expect(report(`${name}.json`)).rejects.toMatchObject({
      kind: 'refused',
      message: expect.stringMatching(name),
    })
  }
  writeFileSync(path('huge.json'), '')
  truncateSync(path('huge.json'), 2 ** 30)
  await expect(report('huge.json')).rejects.toMatchObject({
    kind: 'refused',
    message: expect.stringMatching(/too many/),
  })
  await expect(report('nowhere.json')).rejects.toMatchObject({ kind: 'refused' })
})
