import { spawnSync } from 'node:child_process'
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { FormatError, type Model, openModel, SinterError } from '@sinter/model'
import { type Backend, ortNodeBackend } from '@sinter/tensor-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { evaluateRun } from '../src/evaluate-run.ts'
import { exitCodeOf } from '../src/exit-code.ts'
import { resolvePlan } from '../src/plan/resolve.ts'
import { checkRecipe } from '../src/recipe/parse.ts'
import { metrics } from '../src/registry/metrics.ts'
import { buildReport, writeReport } from '../src/report/build-report.ts'
import { reportSchema } from '../src/report/report.ts'
import { compress } from '../src/run/compress.ts'
import { RunError } from '../src/run/run-error.ts'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

let demo: Model
let backend: Backend
let folder: string
let text: string

beforeAll(async () => {
  demo = await openModel(here('../../../apps/cli/assets/demo-model'))
  backend = ortNodeBackend({ threads: 1 })
  folder = await mkdtemp(join(tmpdir(), 'sinter-evaluate-'))
  text = join(folder, 'text.txt')
  await writeFile(text, 'Anna took the red apple to the garden. Ben saw a small cat near the river. '.repeat(12))
})
afterAll(async () => {
  await demo.close()
  await backend.close()
  await rm(folder, { recursive: true, force: true })
})

test('a run is compared with its original and reported: JSON that its schema takes, a page, the sizes of the parts', async () => {
  const recipe = checkRecipe({
    version: 1,
    steps: [{ method: 'rtn', bits: 8 }],
    evaluate: { text, windows: 2, length: 64, prompts: ['Anna took', 'Ben saw'] },
  })
  const out = join(folder, 'small')
  const plan = await resolvePlan(demo, recipe, { out, threads: 1 })
  const run = compress(plan, { out, backend })
  let step = await run.next()
  while (!step.done) step = await run.next()
  const result = step.value

  const evaluation = await evaluateRun(demo, out, recipe.evaluate!, { backend, tokens: 8 })
  const { basePerplexity, perplexity, divergence } = evaluation.evaluation
  expect(divergence!.kl.value).toBeGreaterThan(0)
  expect(divergence!.kl.value).toBeLessThan(0.01)
  expect(Math.abs(Math.log(perplexity.value / basePerplexity!.value))).toBeLessThan(0.02)
  expect(evaluation.generations.map(g => g.prompt)).toEqual(['Anna took', 'Ben saw'])
  for (const { base, model } of evaluation.generations) expect([base, model]).not.toContain('')
  for (const metric of metrics) expect(metric.read(evaluation.evaluation)?.value).toEqual(expect.any(Number))

  const report = await buildReport({ model: demo, plan, result, evaluation })
  const after = report.size!.after
  // 8-bit codes and one f16 for 64 of them; embedding and norms in bf16.
  expect(after.values).toBe(result.weights)
  expect(after.scales).toBe((2 * result.weights) / 64)
  expect(after.untouched).toBe(report.size!.before!.untouched)
  expect(report.size!.before!.values).toBe(2 * result.weights)
  expect(after.untouched! + 2 * result.weights).toBe(plan.estimate.outputBytes)

  const paths = await writeReport(report, out)
  expect(paths).toEqual({ json: `${out}.report.json`, html: `${out}.report.html` })
  const json = JSON.parse(await readFile(paths.json, 'utf8'))
  expect(reportSchema.parse(json)).toMatchObject({ model: { name: 'demo-model' }, quality: { kl: expect.any(Object) } })
  expect(json.plan).toHaveLength(demo.source.names().length)
  expect(json.layers).toHaveLength(4 * 7)
  expect(await readFile(paths.html, 'utf8')).toMatch(/^<!doctype html>[\s\S]*Anna took/)
})

test.each<[string, string | undefined, string | undefined, RegExp]>([
  ['no text', undefined, undefined, /names no text to score/],
  ['missing', 'nothing.txt', undefined, /cannot be read \(ENOENT\)/],
  ['empty', 'empty.txt', ' \n', /is empty/],
  ['shorter than a window', 'short.txt', 'Anna took the red apple.', /too short: it has \d+ tokens, and 64 are needed/],
])('evaluation text: %s', async (_, name, content, expected) => {
  const path = name === undefined ? undefined : join(folder, name)
  if (path !== undefined && content !== undefined) await writeFile(path, content)
  const work = evaluateRun(demo, demo.path, { text: path, windows: 2, length: 64 }, { backend })
  await expect(work).rejects.toThrow(expected)
  await expect(work).rejects.toMatchObject({ code: 'evaluation', exitCode: 3 })
})

test('a model without a tokenizer cannot be evaluated on text', async () => {
  const model = await openModel(here('../../model/test/fixtures/families/llama-rope-llama3'))
  const work = evaluateRun(model, model.path, { text, windows: 1, length: 8 }, { backend })
  await expect(work).rejects.toMatchObject({ code: 'tokenizer', exitCode: 3 })
  await model.close()
})

test('exit codes', () => {
  const coded = (code: string) => Object.assign(new Error('x'), { code })
  const abort = new AbortController()
  abort.abort()
  expect([
    exitCodeOf(new SinterError('recipe', 'x')),
    exitCodeOf(new RunError('journal-exists', 'x')),
    exitCodeOf(new FormatError('truncated', 'x')),
    exitCodeOf(coded('ENOENT')),
    exitCodeOf(new FormatError('disk-full', 'x')),
    exitCodeOf(new SinterError('disk-space', 'x')),
    exitCodeOf(coded('EROFS')),
    exitCodeOf(abort.signal.reason),
    exitCodeOf(new TypeError('x')),
    exitCodeOf('x'),
  ]).toEqual([2, 2, 3, 3, 4, 4, 4, 130, 1, 1])
})

test('a folder that may not be written to is refused before any work', async () => {
  const locked = await mkdtemp(join(tmpdir(), 'sinter-locked-'))
  await chmod(locked, 0o555)
  const module = JSON.stringify(new URL('../src/plan/output-place.ts', import.meta.url).href)
  const call = (container: string, name: string) =>
    `await checkOutput(${JSON.stringify(join(locked, name))}, { container: '${container}', encoding: 'F16' }, ${JSON.stringify(demo.path)})
      .catch(error => console.log(error.code, error.message))`
  const script = `const { checkOutput } = await import(${module}); ${call('hf', 'a')}; ${call('gguf', 'a.gguf')}`
  // Root may write anywhere: then the check runs as nobody, 65534.
  const identity = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {}
  const args = ['--conditions=@sinter/source', '--input-type=module', '-e', script]
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', ...identity })
  await rm(locked, { recursive: true, force: true })
  expect(stdout.split('\n'), stderr).toEqual([
    expect.stringMatching(/^output .*read-only$/),
    expect.stringMatching(/^output .*read-only$/),
    '',
  ])
})
