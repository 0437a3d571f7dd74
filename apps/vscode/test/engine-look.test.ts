import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { summarizeGroups, tensorValues } from '@sinter/eval'
import { decodeSafetensors, encodeSafetensors, openModel } from '@sinter/model'
import { tensor, toF32 } from '@sinter/tensor-core'
import { describe, expect, test } from 'vitest'
import { engineModelReader, engineRecipeService } from '../src/engine-client/index.ts'
import type { Limits } from '../src/shared/recipe-checker.ts'
import { demoModel, engineClient, recipeText, sinter, workplace } from './engine-setup.ts'

const engine = engineClient()
const { path, calibration } = workplace()

const file = join(demoModel, 'model.safetensors')
const stored = decodeSafetensors(readFileSync(file)).tensors

describe('inspect', () => {
  test('tells of the model, and of every tensor what the file says', async () => {
    const found = await engine.request('inspect', { path: file })
    expect(found.container).toBe('safetensors')
    expect(found.model?.family).toBe('llama')
    expect(found.problem).toBeUndefined()
    expect(found.tensors.map(({ name }) => name).sort()).toEqual([...stored.keys()].sort())
    for (const { name, shape, bytes, bits } of found.tensors) {
      expect(shape).toEqual(stored.get(name)!.shape)
      expect(bytes).toBe(stored.get(name)!.data.byteLength)
      expect(bits).toBe(8 * stored.get(name)!.data.BYTES_PER_ELEMENT)
    }
    const { parameters, tensorBytes } = found
    expect(parameters).toBe([...stored.values()].reduce((sum, { data }) => sum + data.length, 0))
    expect(found.bitsPerWeight).toBe((8 * tensorBytes) / parameters)
  })

  test('gives parts of a long list', async () => {
    const all = await engine.request('inspect', { path: file })
    const part = await engine.request('inspect', { path: file, offset: 2, limit: 3 })
    expect(part.tensorCount).toBe(all.tensors.length)
    expect(part.tensors).toEqual(all.tensors.slice(2, 5))
  })

  test('a file that is no model is refused with a reason', async () => {
    writeFileSync(path('broken.safetensors'), Buffer.from([255, 255, 255, 255, 255, 255, 255, 255, 0]))
    const refused = engine.request('inspect', { path: path('broken.safetensors') })
    await expect(refused).rejects.toMatchObject({ kind: 'refused', message: expect.stringMatching(/broken.*header/s) })
  })
})

describe('the reader of the viewers', () => {
  const name = 'model.layers.0.mlp.down_proj.weight'
  const reader = engineModelReader(engine)

  test('opens by the header, and pages through the tensors', async () => {
    const header = await reader.open(file)
    expect(header).toMatchObject({ kind: 'safetensors', tensors: stored.size })
    const rows = await reader.tensors(file, 2, 3)
    expect(rows.map(row => row.name)).toEqual([...stored.keys()].slice(2, 5))
    await reader.close(file)
  })

  test('gives the statistics of the values in the file', async () => {
    const { data, shape } = toF32(stored.get(name)!)
    const options = { groupSize: 32, bins: 16, parts: 64, mapRows: 8, mapColumns: 8 }
    const expected = tensorValues(shape, options)
    expected.add(data)
    const seen: number[] = []
    const found = await reader.stats(file, name, options, { onProgress: done => seen.push(done) })
    expect(found).toEqual(expected.result())
    expect(seen.at(-1)).toBe(data.length)
    const columns = shape[1]!
    expect(await reader.rowGroups(file, name, 3, 32)).toEqual(summarizeGroups(data.slice(3 * columns, 4 * columns), 32))
  })

  test('NaN and infinities cross the wire as counts', async () => {
    const data = Float32Array.of(1, Number.NaN, -3, Number.POSITIVE_INFINITY, 0, 2)
    writeFileSync(path('odd.safetensors'), encodeSafetensors(new Map([['v', tensor('f32', [6], data)]])))
    const { total } = await reader.stats(path('odd.safetensors'), 'v')
    expect(total).toMatchObject({ count: 4, nan: 1, positiveInfinity: 1, zeros: 1, min: -3, max: 2, mean: 0 })
  })

  test('compares two models tensor by tensor', async () => {
    const values = stored.get('model.norm.weight')!
    const data = toF32(values).data.map((v, i) => v + (i === 0 ? 0.5 : 0))
    const changed = new Map([['model.norm.weight', tensor('f32', values.shape, data)]])
    const other = path('other.safetensors')
    writeFileSync(other, encodeSafetensors(changed))
    const { both, onlyBefore, onlyAfter } = await reader.compare(file, other)
    expect(both.map(row => row.name)).toEqual(['model.norm.weight'])
    expect(onlyBefore.length).toBe(stored.size - 1)
    expect(onlyAfter).toEqual([])
    const difference = await reader.difference(file, other, 'model.norm.weight')
    expect(difference.maxAbs).toBeCloseTo(0.5, 2)
    await reader.endComparison(file, other)
  })

  test('is cancelled at once, and the engine lives on', async () => {
    const large = path('large.safetensors')
    const data = new Float32Array(2 ** 23).fill(1)
    writeFileSync(large, encodeSafetensors(new Map([['w', tensor('f32', [8192, 1024], data)]])))
    const controller = new AbortController()
    const before = engine.pid
    const stats = reader.stats(large, 'w', {}, { signal: controller.signal, onProgress: () => controller.abort() })
    await expect(stats).rejects.toMatchObject({ kind: 'cancelled' })
    await engine.request('schema', { kind: 'train' })
    expect(engine.pid).toBe(before)
  })
})

test('the editor of recipes is answered by the same engine', async () => {
  const recipes = engineRecipeService(engine)
  const wrong = await recipes.check('{ "version": 1, "steps": [{ "method": "gptqq" }] }', path('a.sinter.jsonc'))
  expect(wrong).toMatchObject([{ severity: 'error', fixes: [{ edits: [{ text: '"gptq"' }] }] }])
  expect(await recipes.check(recipeText(calibration), path('a.sinter.jsonc'))).toEqual([])
  const planned = (limits: Limits) => recipes.plan(recipeText(calibration), path('a.sinter.jsonc'), limits)
  const whole = await planned({})
  expect(whole.text).toContain('gptq')
  expect(whole.text).toContain('cache in memory')
  const { text } = await planned({ threads: 3, memory: 1 })
  expect(text).toContain('on 3 threads')
  expect(text).toContain('cache on disk')
  for (const wrong of [{ threads: 0 }, { threads: 1.5 }, { memory: -1 }])
    await expect(planned(wrong)).rejects.toMatchObject({
      message: expect.stringMatching(/^params\.(threads|memory): /),
    })
  expect((await recipes.presets()).length).toBeGreaterThan(0)
})

describe('plan', () => {
  const plan = (text: string) => engine.request('plan', { text, path: path('demo.sinter.jsonc') })

  test('a recipe that fits has a row for every tensor, and a place for the result', async () => {
    const { diagnostics, plan: found } = await plan(recipeText(calibration))
    expect(diagnostics.map(({ severity }) => severity)).toEqual(['warning'])
    expect(found?.tensors.length).toBe(stored.size)
    expect(found?.out).toBe(path('demo'))
    expect(found?.averageBits).toBeGreaterThan(4)
    const compressed = found?.tensors.filter(({ action }) => action === 'compress')
    expect(new Set(compressed?.flatMap(({ methods }) => methods))).toEqual(new Set(['gptq']))
  })

  test('every mistake has its line, and a repair where it is known', async () => {
    const text = `{
  "version": 1,
  "steps": [
    { "method": "gptqq" },
    { "method": "rtn", "bitz": 4 }
  ]
}`
    const { diagnostics, plan: found } = await plan(text)
    expect(found).toBeUndefined()
    const seen = diagnostics.map(({ path: at, line, severity, fix }) => [at, line, severity, fix?.text])
    expect(seen).toEqual([
      ['steps[0].method', 4, 'error', '"gptq"'],
      ['steps[1].bitz', 5, 'error', '"bits"'],
    ])
  })

  test('what only the model knows is told in the same way', async () => {
    const text = recipeText(calibration, { steps: [{ method: 'rtn', targets: ['mlp.up_prj'] }] })
    const [first] = (await plan(text)).diagnostics
    expect(first).toMatchObject({ path: 'steps[0].targets[0]', fix: { text: '"mlp.up_proj"' } })
    const missing = (await plan(recipeText(path('nowhere.txt')))).diagnostics
    expect(missing).toMatchObject([{ path: 'calibration', severity: 'error' }])
    const noModel = (await plan(recipeText(calibration, { model: path('nowhere') }))).diagnostics
    expect(noModel).toMatchObject([{ path: 'model', severity: 'error' }])
    mkdirSync(path('demo'), { recursive: true })
    writeFileSync(path('demo/here'), '')
    const taken = (await plan(recipeText(calibration))).diagnostics
    expect(taken).toMatchObject([{ path: 'output', message: expect.stringContaining('demo') }])
  })
})

test('compare tells the error of every matrix that changed', async () => {
  const out = path('by-cli')
  await sinter(
    'compress',
    demoModel,
    '--method',
    'rtn',
    '--bits',
    '4',
    '--targets',
    'mlp.*',
    '--out',
    out,
    '--quiet',
    '--no-report',
  )
  const found = await engine.request('compare', { original: demoModel, model: out })
  for (const { tensor: name, error } of found.tensors) expect(error! > 0, name).toBe(name.includes('.mlp.'))
  expect(found.error).toBeGreaterThan(0)
  expect(found.tensors.length).toBeGreaterThan(0)
  const same = await engine.request('compare', { original: demoModel, model: demoModel })
  expect(same.error).toBe(0)
})

describe('generate', () => {
  const params = { path: demoModel, prompt: 'The ', tokens: 12, threads: 1 }

  test('streams what it answers in the end', async () => {
    let text = ''
    const onEvent = (event: { type: string; text?: string }) => (text += event.text ?? '')
    const found = await engine.request('generate', params, { onEvent })
    expect(found.ids.length).toBeGreaterThan(0)
    expect(text).toBe(found.text)
    expect(await engine.request('generate', params)).toMatchObject({ text })
  })

  test('stops when it is cancelled', async () => {
    const controller = new AbortController()
    let pieces = 0
    const onEvent = () => {
      pieces++
      controller.abort()
    }
    const cancelled = engine.request('generate', { ...params, tokens: 20_000 }, { signal: controller.signal, onEvent })
    await expect(cancelled).rejects.toMatchObject({ kind: 'cancelled' })
    expect(pieces).toBeGreaterThan(0)
  })
})

describe('chat', () => {
  const asked = { path: demoModel, tokens: 8, threads: 1 }

  test('a model without a template of its own continues what was said', async () => {
    const messages = [
      { role: 'user' as const, content: 'The cat sat' },
      { role: 'assistant' as const, content: 'on the mat.' },
    ]
    const { text } = await engine.request('generate', { ...asked, prompt: 'The cat sat\non the mat.' })
    expect(await engine.request('chat', { ...asked, messages })).toMatchObject({ text })
  })

  test('a model with one is asked in its form', async () => {
    const folder = path('chat-model')
    cpSync(demoModel, folder, { recursive: true })
    const config = join(folder, 'tokenizer_config.json')
    const chat_template =
      '{% for m in messages %}{{ m.role }}: {{ m.content }} {% endfor %}{% if add_generation_prompt %}Zoe{% endif %}'
    writeFileSync(config, JSON.stringify({ ...JSON.parse(readFileSync(config, 'utf8')), chat_template }))
    const messages = [{ role: 'user' as const, content: 'Who was there?' }]
    const { text } = await engine.request('generate', { ...asked, prompt: 'user: Who was there? Zoe' })
    expect(await engine.request('chat', { ...asked, path: folder, messages })).toMatchObject({ text })
  })

  test('tokens of a text are counted as the model has them', async () => {
    const model = await openModel(demoModel)
    const text = 'The cat sat on the mat.'
    const { length } = model.tokenizer!.encode(text, { addSpecialTokens: false })
    await model.close()
    expect(await engine.request('countTokens', { path: demoModel, text })).toEqual({ tokens: length })
  })
})

test('the methods and the schema are those of the engine', async () => {
  const { methods, formats } = await engine.request('methods', {})
  expect(methods.map(({ name }) => name)).toContain('gptq')
  expect(formats.map(({ name }) => name)).toContain('gguf')
  const { schema } = await engine.request('schema', { kind: 'compress' })
  const published = new URL('../../../packages/engine/schema/recipe.schema.json', import.meta.url)
  expect(schema).toEqual(JSON.parse(readFileSync(published, 'utf8')))
})
