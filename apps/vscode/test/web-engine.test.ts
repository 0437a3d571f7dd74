import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { checkRecipe, compress, type RecipeInput, resolvePlan } from '@sinter/engine'
import { openModel } from '@sinter/model'
import { ortWebBackend } from '@sinter/tensor-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { PlanResult, RunResult, RunStartResult } from '../src/shared/protocol.ts'
import { openWebEngine, type WebEnginePage } from './helpers/web-engine-page.ts'

const chromium = [process.env.CHROMIUM ?? '', '/usr/bin/chromium'].find(path => path && existsSync(path))
if (!chromium) console.warn('\n*** NOT TESTED: the engine in a browser: no Chromium ***\n')
const web = test.skipIf(!chromium)

const demo = fileURLToPath(new URL('../../cli/assets/demo-model', import.meta.url))
const text = 'The cat sat on the mat and looked at the moon. '.repeat(100)
const folder = mkdtempSync(join(tmpdir(), 'sinter-web-test-'))
let engine: WebEnginePage

beforeAll(async () => {
  if (!chromium) return
  engine = await openWebEngine(chromium)
  for (const name of readdirSync(demo)) await engine.put(`/work/demo/${name}`, readFileSync(join(demo, name)))
  await engine.put('/work/text.txt', Buffer.from(text))
  writeFileSync(join(folder, 'text.txt'), text)
})

afterAll(async () => {
  await engine?.close()
  rmSync(folder, { recursive: true, force: true })
})

const recipeOf = (step: object): RecipeInput =>
  ({ version: 1, steps: [step], calibration: { text: 'text.txt', samples: 4, length: 64 } }) as RecipeInput

async function inBrowser(name: string, recipe: RecipeInput): Promise<Buffer> {
  const path = `/work/${name}.sinter.jsonc`
  const source = JSON.stringify({ ...recipe, model: 'demo' })
  const started = { workspace: '/work', text: source, path }
  const { run, diagnostics } = (await engine.request('runStart', started)) as RunStartResult
  expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([])
  while (true) {
    const { run: now } = (await engine.request('runStatus', { workspace: '/work', id: run!.id })) as RunResult
    if (now.state === 'done') return engine.get(`/work/${name}/model.safetensors`)
    if (now.state !== 'running' && now.state !== 'starting') throw new Error(now.error?.message)
  }
}

/** The sources in Node, on ONNX Runtime's WebAssembly as in the browser. */
async function inNode(name: string, recipe: RecipeInput): Promise<Buffer> {
  const backend = await ortWebBackend()
  const model = await openModel(demo)
  const out = join(folder, name)
  const calibrationText = join(folder, 'text.txt')
  const plan = await resolvePlan(model, checkRecipe(recipe), { out, threads: 1, calibrationText })
  for await (const _ of compress(plan, { out, backend }));
  await model.close()
  await backend.close()
  return readFileSync(join(out, 'model.safetensors'))
}

const steps = [
  ['rtn', { method: 'rtn', bits: 4, groupSize: 64 }],
  ['gptq', { method: 'gptq', bits: 4, groupSize: 64 }],
] as const

web.for(steps)('%s in a browser writes the bytes that Node writes on the same backend', async ([name, step]) => {
  const recipe = recipeOf(step)
  const [there, here] = [await inBrowser(name, recipe), await inNode(name, recipe)]
  expect(there.equals(here)).toBe(true)
  expect(there.equals(readFileSync(join(demo, 'model.safetensors')))).toBe(false)
})

web('a model is looked at and a recipe planned; nobody else is asked for anything', async () => {
  const header = (await engine.request('modelOpen', { path: '/work/demo/model.safetensors' })) as { kind: string }
  expect(header).toMatchObject({ kind: 'safetensors', bytes: expect.any(Number) })
  const asked = { path: '/work/demo/model.safetensors', tensor: 'model.embed_tokens.weight' }
  expect(await engine.request('tensorStats', asked)).toMatchObject({ total: { count: 1024 * 256 } })
  const planned = { text: JSON.stringify({ ...recipeOf(steps[1][1]), model: 'demo' }), path: '/work/p.sinter.jsonc' }
  const { plan } = (await engine.request('plan', planned)) as PlanResult
  expect(plan).toMatchObject({ model: '/work/demo', family: 'llama', blocks: 4, threads: 1 })
  expect([...engine.strangers]).toEqual([])
})

web('a file that is not there is named', async () => {
  await expect(engine.request('modelOpen', { path: '/work/none.gguf' })).rejects.toThrow('/work/none.gguf')
})
