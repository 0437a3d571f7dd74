import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openModel } from '@sinter/model'
import { askLlamaCpp, canRunLlamaCpp } from '@sinter/model/testing'
import { expect, test } from 'vitest'
import { demoModel, engineClient, rawEngine, sinter, workplace } from './engine-setup.ts'
import { until } from './helpers/until.ts'

const engine = engineClient()
const { folder, path } = workplace()
const to = 'gguf:Q8_0'

/** Of a folder, below it; of a file, itself. */
const files = (place: string): string[] =>
  statSync(place).isDirectory()
    ? readdirSync(place, { recursive: true, encoding: 'utf8' })
        .filter(name => statSync(join(place, name)).isFile())
        .sort()
    : ['']

test('a plan says what is lost, and writes nothing', async () => {
  const plan = await engine.request('conversionPlan', { path: demoModel, to: 'gguf:q8_0' })
  expect(plan.to).toBe(to)
  expect(plan.bytes).toBeLessThan(plan.inputBytes)
  expect(plan.losses.join()).toMatch(/BF16 are rounded to Q8_0/)
  expect((await engine.request('conversionPlan', { path: demoModel, to: 'hf:keep' })).losses).toEqual([])
  expect(readdirSync(folder)).toEqual(['calibration.txt'])
})

test('what cannot be written is refused with the reason', async () => {
  const refused = (format: string) => engine.request('conversionPlan', { path: demoModel, to: format })
  await expect(refused('gguf:Q9')).rejects.toMatchObject({ kind: 'refused', message: expect.stringContaining('Q9') })
  await expect(refused('gguf:IQ2_XS')).rejects.toMatchObject({ message: expect.stringMatching(/importance/) })
})

for (const format of [to, 'onnx:q4'])
  test(`${format} has the bytes that the command line writes`, async () => {
    const name = format.replace(':', '-')
    const [out, other] = [path(`${name}.gguf`), path(`${name}-cli.gguf`)]
    const seen: number[] = []
    const onEvent = (event: { type: string; done?: number; total?: number }) => seen.push(event.done! / event.total!)
    const params = { path: demoModel, to: format, out, threads: 2 }
    const written = await engine.request('convert', params, { onEvent })
    await sinter('convert', demoModel, '--to', format, '--out', other, '--quiet')
    expect(seen.at(-1)).toBe(1)
    expect(files(written.path)).toEqual(files(other))
    for (const file of files(other))
      expect(readFileSync(join(written.path, file)).equals(readFileSync(join(other, file))), file).toBe(true)
  })

test.skipIf(!canRunLlamaCpp)('llama.cpp opens the GGUF, and says what we say', async () => {
  const out = path('opened.gguf')
  await engine.request('convert', { path: demoModel, to: 'gguf:F16', out })
  const model = await openModel(demoModel)
  const prompt = 'The month after June is'
  const ids = [...model.tokenizer!.encode(prompt)]
  await model.close()
  const ours = await engine.request('generate', { path: out, prompt, tokens: 6 })
  const [answer] = await askLlamaCpp([{ path: out, ids: [ids], greedy: 6, texts: [prompt] }])
  expect(answer!.greedy.slice(0, ours.ids.length)).toEqual(ours.ids)
})

test('a file that is there is kept unless somebody said that it may go', async () => {
  const out = path('taken.gguf')
  writeFileSync(out, 'mine')
  const params = { path: demoModel, to, out }
  await expect(engine.request('convert', params)).rejects.toMatchObject({ message: expect.stringMatching(/exists/) })
  expect(readFileSync(out, 'utf8')).toBe('mine')
  const written = await engine.request('convert', { ...params, replace: true })
  expect(written.path).toBe(out)
  expect(readFileSync(out).subarray(0, 4).toString()).toBe('GGUF')
  expect(readFileSync(out).equals(readFileSync(path('gguf-Q8_0.gguf')))).toBe(true)
  const itself = engine.request('convert', { path: out, to: 'gguf:Q4_0', out, replace: true })
  await expect(itself).rejects.toMatchObject({
    kind: 'refused',
    message: expect.stringMatching(/is the model that is/),
  })
})

test('a folder is never replaced', async () => {
  mkdirSync(path('full'))
  writeFileSync(path('full/mine.txt'), 'mine')
  const refused = engine.request('convert', { path: demoModel, to: 'hf:f32', out: path('full'), replace: true })
  await expect(refused).rejects.toMatchObject({ kind: 'refused' })
  expect(readdirSync(path('full'))).toEqual(['mine.txt'])
})

test('one that is cancelled leaves nothing, and what it would have replaced as it was', async () => {
  const out = path('kept.gguf')
  writeFileSync(out, 'mine')
  const before = readdirSync(folder)
  const controller = new AbortController()
  const params = { path: demoModel, to: 'gguf:Q4_K_M', out, threads: 1, replace: true }
  const cancelled = engine.request('convert', params, { signal: controller.signal, onEvent: () => controller.abort() })
  await expect(cancelled).rejects.toMatchObject({ kind: 'cancelled' })
  expect(readFileSync(out, 'utf8')).toBe('mine')
  expect(readdirSync(folder)).toEqual(before)
})

test.for([
  ['that nobody speaks to any more', ({ stdin }: ChildProcess) => stdin!.end()],
  ['that is told to end', (engine: ChildProcess) => engine.kill('SIGTERM')],
] as const)('an engine %s takes the file away that it was writing', async ([how, leave]) => {
  const home = path(how)
  mkdirSync(home)
  const out = join(home, 'there.gguf')
  writeFileSync(out, 'before')
  const { child, write } = rawEngine()
  // One that searches long for its codes.
  const params = { path: demoModel, to: 'gguf:IQ3_S', out, threads: 1, replace: true }
  write(`${JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'convert', params })}\n`)
  await until(() => readdirSync(home).length > 1)
  leave(child)
  await once(child, 'exit')
  expect(readdirSync(home)).toEqual(['there.gguf'])
  expect(readFileSync(out, 'utf8')).toBe('before')
})
