import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { checkRecipe, compress, type RecipeInput, resolvePlan } from '@sinter/engine'
import { openModel } from '@sinter/model'
import { ortWebBackend } from '@sinter/tensor-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { PlanResult, RunResult, RunStartResult } from '../src/shared/protocol.ts'
import { isOver, type RunStatus } from '../src/shared/run-status.ts'
import { openWebEngine, type WebEnginePage } from './helpers/web-engine-page.ts'

const chromium = [process.env.CHROMIUM ?? '', '/usr/bin/chromium'].find(path => path && existsSync(path))
if (!chromium) console.warn('\n*** NOT TESTED: the engine in a browser: no Chromium ***\n')
const web = test.skipIf(!chromium)

const demo = fileURLToPath(new URL('../../cli/assets/demo-model', import.meta.url))
const text = 'The cat sat on the mat and looked at the moon. '.repeat(200)
const folder = mkdtempSync(join(tmpdir(), 'sinter-web-test-'))
let engine: WebEnginePage

beforeAll(async () => {
  if (!chromium) return
  engine = await openWebEngine(chromium)
  for (const name of readdirSync(demo)) await engine.put(`/place/demo-model/${name}`, readFileSync(join(demo, name)))
  await engine.put('/place/text.txt', Buffer.from(text))
  writeFileSync(join(folder, 'text.txt'), text)
})

afterAll(async () => {
  await engine?.close()
  rmSync(folder, { recursive: true, force: true })
})

interface Case {
  readonly name: string
  readonly step: object
  readonly format?: string
  /** What is compared, below the output's name. */
  readonly weights: string
  readonly samples?: number
}

const cases: readonly Case[] = [
  { name: 'rtn', step: { method: 'rtn', bits: 4, groupSize: 64 }, weights: 'model.safetensors' },
  { name: 'gptq', step: { method: 'gptq', bits: 4, groupSize: 64 }, weights: 'model.safetensors' },
  { name: 'gguf', step: { method: 'gptq' }, format: 'gguf:Q4_0', weights: 'model.gguf' },
]

const recipeOf = ({ step, format = 'hf', samples = 4 }: Case, text: string): RecipeInput =>
  ({ version: 1, steps: [step], calibration: { text, samples, length: 64 }, output: { format } }) as RecipeInput

async function start(given: Case): Promise<string> {
  const source = JSON.stringify({ ...recipeOf(given, 'text.txt'), model: 'demo-model' })
  const asked = { workspace: '/place', text: source, path: `/place/${given.name}.sinter.jsonc` }
  const { run, diagnostics } = (await engine.request('runStart', asked)) as RunStartResult
  expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([])
  return run!.id
}

const runOf = async (method: string, id: string) =>
  ((await engine.request(method, { workspace: '/place', id })) as RunResult).run

async function ended(id: string): Promise<RunStatus> {
  while (true) {
    const run = await runOf('runStatus', id)
    if (isOver(run)) return run
  }
}

const written = ({ name, weights }: Case): Promise<Buffer> => engine.get(`/place/${name}/${weights}`)

/** The sources in Node, on ONNX Runtime's WebAssembly as in the browser. */
async function inNode(given: Case): Promise<Buffer> {
  const backend = await ortWebBackend()
  const model = await openModel(demo)
  const out = join(folder, given.name, ...(given.format ? [given.weights] : []))
  const plan = await resolvePlan(model, checkRecipe(recipeOf(given, join(folder, 'text.txt'))), { out, threads: 1 })
  for await (const _ of compress(plan, { out, backend }));
  await model.close()
  await backend.close()
  return readFileSync(join(folder, given.name, given.weights))
}

web.for(cases)('$name in a browser writes the bytes that Node writes on the same backend', async given => {
  expect(await ended(await start(given))).toMatchObject({ state: 'done', error: null })
  const there = await written(given)
  expect(there.equals(await inNode(given))).toBe(true)
  expect(there.equals(readFileSync(join(demo, 'model.safetensors')))).toBe(false)
})

web('a run stops when it is asked to, and goes on to the same bytes', async () => {
  const given: Case = { ...cases[1]!, name: 'stopped', samples: 40 }
  const id = await start(given)
  while (!(await runOf('runStatus', id)).progress);
  expect(await runOf('runCancel', id)).toMatchObject({ state: 'cancelled', resumable: true })
  await runOf('runResume', id)
  expect(await ended(id)).toMatchObject({ state: 'done', attempts: 2 })
  expect((await written(given)).equals(await inNode(given))).toBe(true)
})

web('a run waits for the one before it, and one that was stopped while it waited lets others go', async () => {
  const given = { ...cases[1]!, samples: 40 }
  const first = await start({ ...given, name: 'first' })
  const second = await start({ ...given, name: 'second' })
  const last = await start({ ...cases[0]!, name: 'last' })
  for (const id of [second, last]) while ((await runOf('runStatus', id)).state !== 'queued');
  expect(await runOf('runCancel', second)).toMatchObject({ state: 'cancelled', attempts: 0 })
  const [before, after] = [await ended(first), await ended(last)]
  expect([before, after]).toMatchObject([{ state: 'done' }, { state: 'done' }])
  expect(after.startedAt).toBeGreaterThanOrEqual(before.endedAt!)
})

web('a model is looked at and a recipe planned; nobody else is asked for anything', async () => {
  const header = (await engine.request('modelOpen', { path: '/place/demo-model/model.safetensors' })) as {
    kind: string
  }
  expect(header).toMatchObject({ kind: 'safetensors', bytes: expect.any(Number) })
  const asked = { path: '/place/demo-model/model.safetensors', tensor: 'model.embed_tokens.weight' }
  expect(await engine.request('tensorStats', asked)).toMatchObject({ total: { count: 1024 * 256 } })
  const planned = {
    text: JSON.stringify({ ...recipeOf(cases[1]!, 'text.txt'), model: 'demo-model' }),
    path: '/place/p.sinter.jsonc',
  }
  const { plan } = (await engine.request('plan', planned)) as PlanResult
  expect(plan).toMatchObject({ model: '/place/demo-model', family: 'llama', blocks: 4, threads: 1 })
  expect([...engine.strangers]).toEqual([])
})

web('a file that is not there is named', async () => {
  await expect(engine.request('modelOpen', { path: '/place/none.gguf' })).rejects.toThrow('/place/none.gguf')
})
