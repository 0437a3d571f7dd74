import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { decodeSafetensors, encodeSafetensors } from '@sinter/model'
import { tensor, toF32 } from '@sinter/tensor-core'
import { describe, expect, test } from 'vitest'
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

/** By the definitions, over everything at once. */
function reference(values: Float32Array) {
  const mean = values.reduce((sum, v) => sum + v, 0) / values.length
  const squares = values.reduce((sum, v) => sum + (v - mean) ** 2, 0)
  const sorted = values.toSorted()
  return { mean, deviation: Math.sqrt(squares / values.length), min: sorted[0]!, max: sorted.at(-1)! }
}

describe('tensorStats', () => {
  const name = 'model.layers.0.mlp.down_proj.weight'

  test('agrees with the definitions', async () => {
    const { data, shape } = toF32(stored.get(name)!)
    const [rows, columns] = shape as [number, number]
    const found = await engine.request('tensorStats', { path: file, tensor: name, groupSize: 32, bins: 10, cells: 8 })
    const expected = reference(data)
    expect(found).toMatchObject({ rows, columns, rowsRead: rows, min: expected.min, max: expected.max, notFinite: 0 })
    expect(found.mean).toBeCloseTo(expected.mean, 10)
    expect(found.deviation).toBeCloseTo(expected.deviation, 10)
    expect(found.zeros).toBe(data.filter(v => v === 0).length)
    expect(found.histogram.length).toBe(10)
    expect(found.histogram.reduce((sum, count) => sum + count, 0)).toBe(data.length)
    const width = (expected.max - expected.min) / 10
    expect(found.histogram[0]).toBe(data.filter(v => v < expected.min + width).length)
    const row = reference(data.subarray(columns, 2 * columns))
    expect(found.byRow.max[1]).toBeCloseTo(row.max, 5)
    expect(found.byRow.rms[1]).toBeCloseTo(Math.hypot(row.mean, row.deviation), 5)
    const group = data.filter((_, i) => i % columns >= 32 && i % columns < 64)
    expect(found.byGroup.min[1]).toBeCloseTo(reference(group).min, 5)
    expect(found.map).toMatchObject({ rows: 8, columns: 8 })
    expect(Math.max(...found.map.peak)).toBeCloseTo(Math.max(expected.max, -expected.min), 5)
    const corner = data.filter((_, i) => i % columns < columns / 8 && Math.floor(i / columns) < rows / 8)
    expect(found.map.rms[0]).toBeCloseTo(Math.sqrt(corner.reduce((sum, v) => sum + v * v, 0) / corner.length), 5)
  })

  test.each(['self_attn.q_proj', 'mlp.down_proj'])('of %s is the same in whatever file it lies', async part => {
    const out = path(`${part}.gguf`)
    await sinter('convert', demoModel, '--to', 'gguf:F32', '--out', out, '--quiet')
    const ask = { tensor: `model.layers.1.${part}.weight`, groupSize: 32 }
    const { encoding: _ours, ...ours } = await engine.request('tensorStats', { path: file, ...ask })
    const { encoding, ...theirs } = await engine.request('tensorStats', { path: out, ...ask })
    expect(encoding).toBe('F32')
    expect(theirs).toEqual(ours)
  })

  test('NaN and infinities are counted and spoil nothing; a vector is one row', async () => {
    const data = Float32Array.of(1, Number.NaN, -3, Number.POSITIVE_INFINITY, 0, 2)
    writeFileSync(path('odd.safetensors'), encodeSafetensors(new Map([['v', tensor('f32', [6], data)]])))
    const found = await engine.request('tensorStats', { path: path('odd.safetensors'), tensor: 'v', bins: 5 })
    expect(found).toMatchObject({ rows: 1, columns: 6, notFinite: 2, zeros: 1, min: -3, max: 2, mean: 0 })
    expect(found.histogram).toEqual([1, 0, 0, 1, 2])
  })

  test('of a tensor larger than wanted some rows are read, spread over all of it', async () => {
    const rows = 4096
    const columns = 1024
    const data = Float32Array.from({ length: rows * columns }, (_, i) => Math.floor(i / columns))
    writeFileSync(path('large.safetensors'), encodeSafetensors(new Map([['w', tensor('f32', [rows, columns], data)]])))
    const large = path('large.safetensors')
    const found = await engine.request('tensorStats', { path: large, tensor: 'w', maxValues: rows * columns * 0.5 })
    expect(found.rowsRead).toBe(rows / 2)
    expect(found.mean).toBeGreaterThan(rows * 0.35)
    expect(found.max).toBeGreaterThan(rows * 0.8)
  })

  test('is cancelled at once, and the engine lives on', async () => {
    const controller = new AbortController()
    const before = engine.pid
    const stats = engine.request(
      'tensorStats',
      { path: path('large.safetensors'), tensor: 'w' },
      { signal: controller.signal, onEvent: () => controller.abort() },
    )
    await expect(stats).rejects.toMatchObject({ kind: 'cancelled' })
    await engine.request('schema', { kind: 'train' })
    expect(engine.pid).toBe(before)
  })
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
  const ours = decodeSafetensors(readFileSync(join(out, 'model.safetensors'))).tensors
  for (const { tensor: name, error } of found.tensors) expect(error! > 0, name).toBe(name.includes('.mlp.'))
  expect(found.error).toBeGreaterThan(0)
  expect(ours.size).toBeGreaterThan(0)
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

test('the methods and the schema are those of the engine', async () => {
  const { methods, formats } = await engine.request('methods', {})
  expect(methods.map(({ name }) => name)).toContain('gptq')
  expect(formats.map(({ name }) => name)).toContain('gguf')
  const { schema } = await engine.request('schema', { kind: 'compress' })
  const published = new URL('../../../packages/engine/schema/recipe.schema.json', import.meta.url)
  expect(schema).toEqual(JSON.parse(readFileSync(published, 'utf8')))
})
