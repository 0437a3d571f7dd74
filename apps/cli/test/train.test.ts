import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { adapterNames } from '@sinter/engine'
import { openModel } from '@sinter/model'
import { beforeAll, describe, expect, test } from 'vitest'
import { createProgram } from '../src/program.ts'
import { demoModel, sinter, sinterJson, start, until, workplace } from './helpers/sinter.ts'

const { path, calibration } = workplace()
const main = fileURLToPath(new URL('../src/main.ts', import.meta.url))

interface Trained {
  readonly out: string
  readonly steps: number
  readonly losses: readonly number[]
  readonly before: { readonly loss: number; readonly divergence?: number }
  readonly after: { readonly loss: number }
  readonly trainedValues: number
  readonly trained: readonly { readonly name: string }[]
  readonly report: { readonly json: string; readonly html: string }
}

/** Sums as the demo model has not seen them written: a few steps lower their loss. */
const stories = path('stories.txt')
const sum = (a: number, b: number) => `Question: What is ${a} + ${b}?\nAnswer: ${a + b}`
writeFileSync(stories, Array.from({ length: 60 }, (_, i) => sum(i % 9, i % 7)).join('\n\n'))

const small = ['--data', stories, '--separator', '', '--length', '48', '--batch', '2', '--held-out', '0.1']
const few = [...small, '--steps', '6', '--learning-rate', '1e-3', '--threads', '1']
const bytes = (name: string) => readFileSync(join(path(name), 'model.safetensors'))

describe('finetune', () => {
  test('lora: the model with the adapters merged, and a report of the run', async () => {
    const result = await sinterJson<Trained>('finetune', demoModel, ...few, '--rank', '4', '--out', path('lora'))
    expect(result).toMatchObject({
      out: path('lora'),
      method: 'lora',
      steps: 6,
      trainedValues: 77_824,
      seconds: expect.any(Number),
    })
    expect(result.losses).toHaveLength(6)
    expect(result.after.loss).toBeLessThan(result.before.loss)
    expect(bytes('lora').equals(readFileSync(join(demoModel, 'model.safetensors')))).toBe(false)
    const report = JSON.parse(readFileSync(result.report.json, 'utf8'))
    expect(report.curve.terms.loss).toEqual(result.losses)
    expect(report.generations.length).toBeGreaterThan(0)
    expect(readFileSync(result.report.html, 'utf8')).toMatch(/^<!doctype html>[\s\S]*<svg/)
    const model = await openModel(path('lora'))
    expect(model.blocks).toBe(4)
    await model.close()
  })

  test('qlora, targets, and a GGUF', async () => {
    const args = ['--adapter', 'qlora', '--targets', 'q_proj', 'v_proj', '--format', 'gguf:Q8_0', '--no-report']
    const result = await sinterJson<Trained>('finetune', demoModel, ...few, ...args, '--out', path('q.gguf'))
    expect(result).toMatchObject({ out: path('q.gguf'), backbone: 'nf4' })
    expect(new Set(result.trained.map(({ name }) => name.split('.').at(-3)))).toEqual(new Set(['q_proj', 'v_proj']))
    expect(existsSync(path('q.report.json'))).toBe(false)
    const model = await openModel(path('q.gguf'))
    expect(model.source.kind).toBe('gguf')
    await model.close()
  })

  test('--adapter-only, and merge: the model that finetune would have written', async () => {
    const alone = ['--adapter-only', '--no-report', '--out', path('adapter')]
    const adapter = await sinterJson<Trained>('finetune', demoModel, ...few, '--rank', '4', ...alone)
    expect(existsSync(join(adapter.out, 'adapter_config.json'))).toBe(true)
    const merge = ['merge', path('adapter'), '--model', demoModel]
    expect(await sinterJson(...merge, '--out', path('merged'))).toMatchObject({ layers: 28, ranks: [4] })
    expect(bytes('merged').equals(bytes('lora'))).toBe(true)
    const { code, stdout } = await sinter(...merge, '--out', path('merged.gguf'), '--format', 'gguf:Q8_0')
    expect(code).toBe(0)
    expect(stdout).toMatch(/written +.*merged\.gguf\nlayers +28\nrank +4/)
    const twice = await sinter(...merge, '--out', path('merged'))
    expect(twice.code).toBe(4)
    expect(twice.stderr).toMatch(/exists and is not empty/)
  })

  test('help names the adapters that there are', () => {
    const { options } = createProgram().commands.find(command => command.name() === 'finetune')!
    const { description } = options.find(option => option.long === '--adapter')!
    expect(description.match(/\b[a-z]*lora\b/g)!.sort()).toEqual([...adapterNames].sort())
  })

  test('for people: what was done, and how it went meanwhile', async () => {
    const { code, stdout, stderr } = await sinter('finetune', demoModel, ...few, '--out', path('people'))
    expect(code).toBe(0)
    expect(stdout).toMatch(
      /^written +.*people\nmethod +lora\ntrained +311 k values.*\nsteps +6 in .*\nloss .* → .*\nheld out .* → /,
    )
    expect(stdout).toMatch(/report +.*people\.report\.html/)
    expect(stderr).toMatch(/training 311 k values \(9\.1 % of the model's\) on \d+ rows of \d+ documents/)
    expect(stderr).toMatch(/held-out loss before the first step: \d/)
    expect(stderr).toMatch(/held-out loss after step 6: \d/)
    // No terminal, so nothing that only a terminal understands.
    expect(stdout + stderr).not.toContain('\u001b')
    expect(stderr).not.toMatch(/[▁-█]/)
  })

  test('one document: nothing can be held out, and that is said', async () => {
    const args = ['--data', calibration, '--length', '48', '--batch', '2', '--steps', '1', '--no-report']
    const { code, stdout, stderr } = await sinter('finetune', demoModel, ...args, '--out', path('one'))
    expect(code).toBe(0)
    expect(stderr).toMatch(/nothing is held out: all is one document; --separator names the line between two/)
    expect(stdout).not.toContain('held out')
  })

  test('--quiet says nothing at all, --json only the result', async () => {
    const quiet = await sinter('finetune', demoModel, ...few, '--out', path('quiet'), '--quiet', '--no-report')
    expect(quiet).toEqual({ code: 0, stdout: '', stderr: '' })
    const json = await sinter('finetune', demoModel, ...few, '--out', path('json'), '--json', '--no-report')
    expect(json.stderr).toBe('')
    expect(JSON.parse(json.stdout).out).toBe(path('json'))
  })

  test('--set reaches the method, the optimizer and the schedule', async () => {
    const args = ['--set', 'alpha=8', '--set', 'optimizer.weightDecay=0.5', '--set', 'schedule.minimum=0.5']
    const result = await sinterJson<Trained>('finetune', demoModel, ...few, ...args, '--out', path('set'))
    const { recipe } = JSON.parse(readFileSync(result.report.json, 'utf8'))
    expect(recipe.method).toEqual({ name: 'lora', alpha: 8 })
    expect(recipe.optimizer).toEqual({ name: 'adamw', weightDecay: 0.5 })
    expect(recipe.schedule).toMatchObject({ name: 'cosine', minimum: 0.5, warmup: 0.03 })
  })
})

describe('distill', () => {
  beforeAll(() =>
    sinterJson('compress', demoModel, '--method', 'rtn', '--bits', '2', '--group-size', '64', '--out', path('rough')),
  )

  test('a rounded model comes nearer to the one that it was', async () => {
    const args = ['--teacher', demoModel, '--divergence', 'forward-kl', '--temperature', '2', '--alpha', '1']
    const slow = [...few, '--steps', '12', '--learning-rate', '2e-4']
    const result = await sinterJson<Trained>('distill', path('rough'), ...slow, ...args, '--out', path('taught'))
    expect(result).toMatchObject({ method: 'full', teacher: demoModel, trainedValues: 3_410_176 })
    expect(result.before.divergence).toBeGreaterThan(0.01)
    expect(result.after.loss).toBeLessThan(0.9 * result.before.loss)
    expect(readFileSync(result.report.html, 'utf8')).toContain('Divergence from the teacher')
  })

  test('from answers that are kept, and from two models', async () => {
    const cached = ['--teacher', demoModel, '--teacher-cache', path('answers'), '--top', '8', '--no-report']
    const first = await sinterJson<Trained>('distill', path('rough'), ...few, ...cached, '--out', path('by-cache'))
    expect(first).toMatchObject({ teacher: { model: demoModel, cache: path('answers') } })
    const kept = ['--teacher-cache', path('answers'), '--top', '8', '--no-report']
    const again = await sinterJson<Trained>('distill', path('rough'), ...few, ...kept, '--out', path('by-cache-2'))
    expect(again.losses).toEqual(first.losses)
    const two = ['--teacher', demoModel, '--teacher', path('rough'), '--combine', 'logits', '--no-report']
    const both = await sinterJson<Trained>('distill', path('rough'), ...few, ...two, '--out', path('by-two'))
    expect(both).toMatchObject({ teacher: [demoModel, path('rough')] })
  })

  test('only a part of it', async () => {
    const args = ['--teacher', demoModel, '--set', 'trains=norms', '--no-report']
    const result = await sinterJson<Trained>('distill', path('rough'), ...few, ...args, '--out', path('norms'))
    expect(result.trainedValues).toBe(9 * 256)
  })
})

const recipe = `version: 1
model: ${demoModel}
method: { name: qat, bits: 4, groupSize: 64 }
data: { path: stories.txt, separator: "", length: 48, heldOut: 0 }
steps: 4
batch: 2
`

describe('train', () => {
  test('a recipe, with paths relative to it, under a name of its own', async () => {
    writeFileSync(path('round.yaml'), recipe)
    const run = start(['train', path('round.yaml'), '--json', '--threads', '1', '--out', path('round')])
    const { code, stdout, stderr } = await run.finished
    expect(stderr).toBe('')
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({
      out: path('round'),
      method: 'qat',
      steps: 4,
      documents: expect.any(Number),
    })
    expect(JSON.parse(stdout).before).toBeUndefined()
    const args = ['--conditions=@sinter/source', main, 'train', 'round.yaml', '--json', '--threads', '1', '--no-report']
    const here = spawnSync(process.execPath, args, { cwd: path('.'), encoding: 'utf8' })
    expect(JSON.parse(here.stdout).out).toBe('round-trained')
    expect(bytes('round-trained').equals(bytes('round'))).toBe(true)
  })

  test('the first Ctrl-C leaves a run that --resume ends with the same bytes', async () => {
    const steps = [...small, '--steps', '24', '--save-every', '2', '--threads', '1', '--no-report']
    const finetune = (out: string) => ['finetune', demoModel, ...steps, '--out', path(out)]
    expect((await sinter(...finetune('whole'), '--quiet')).code).toBe(0)

    const run = start(finetune('stopped'))
    const folder = path('stopped.sinter-run')
    await until(run, () => run.stderr().includes('after step 3'))
    run.child.kill('SIGINT')
    const { code, stderr } = await run.finished
    expect(code).toBe(130)
    expect(stderr).toMatch(/go on with\n {2}sinter finetune .* --resume/)
    expect(existsSync(path('stopped'))).toBe(false)
    expect(existsSync(folder)).toBe(true)

    const again = await sinter(...finetune('stopped'))
    expect(again.code).toBe(2)
    expect(again.stderr).toMatch(/unfinished run.*--resume/s)

    const resumed = await sinter(...finetune('stopped'), '--resume')
    expect(resumed.code).toBe(0)
    expect(resumed.stderr).toMatch(/going on after step \d+ of 24/)
    expect(bytes('stopped').equals(bytes('whole'))).toBe(true)
    expect(existsSync(folder)).toBe(false)
  })

  test('standard input', async () => {
    const args = ['finetune', demoModel, ...few.map(word => (word === stories ? '-' : word)), '--out', path('piped')]
    const { status, stdout } = spawnSync(
      process.execPath,
      ['--conditions=@sinter/source', main, ...args, '--data-format', 'text', '--json', '--no-report'],
      { input: readFileSync(stories), encoding: 'utf8' },
    )
    expect(status).toBe(0)
    const file = await sinterJson<Trained>('finetune', demoModel, ...few, '--out', path('from-file'), '--no-report')
    expect(JSON.parse(stdout).losses).toEqual(file.losses)
  })
})

describe('what makes no sense', () => {
  const finetune = ['finetune', demoModel, '--data', calibration, '--out', path('never')]
  const distill = ['distill', demoModel, '--data', calibration, '--out', path('never')]
  const cases: readonly [title: string, args: readonly string[], code: number, says: RegExp][] = [
    ['no data', ['finetune', demoModel, '--out', 'x'], 2, /--data/],
    ['no place', ['finetune', demoModel, '--data', calibration], 2, /--out/],
    ['an unknown adapter', [...finetune, '--adapter', 'qlorra'], 2, /unknown adapter "qlorra"; did you mean "qlora"/],
    ['an option that the adapter lacks', [...finetune, '--set', 'bits=4'], 2, /method\.bits: unknown key "bits"/],
    ['an unknown optimizer', [...finetune, '--optimizer', 'adam'], 2, /unknown optimizer "adam"; did you mean "adamw"/],
    ['an unknown schedule', [...finetune, '--schedule', 'cosin'], 2, /schedule\.name: .*did you mean cosine/],
    ['an unknown section', [...finetune, '--set', 'optimiser.x=1'], 2, /expected KEY, optimizer\.KEY or schedule\.KEY/],
    ['steps and epochs', [...finetune, '--steps', '2', '--epochs', '1'], 2, /cannot be used with/],
    ['a data format that is none', [...finetune, '--data-format', 'csv'], 2, /prompt-completion/],
    ['an output format that is none', [...finetune, '--format', 'gguf:Q9_9'], 2, /Q4_0/],
    ['no model to merge into', ['merge', path('no'), '--out', path('never')], 2, /--model/],
    [
      'no adapter there',
      ['merge', path('no'), '--model', demoModel, '--out', path('never')],
      3,
      /adapter_config\.json: cannot be opened/,
    ],
    [
      'an adapter alone as a model is written',
      [...finetune, '--adapter-only', '--format', 'gguf:Q8_0'],
      2,
      /output\.format: an adapter alone is written as hf/,
    ],
    ['no teacher', distill, 2, /who is learnt from\? Give --teacher/],
    [
      'a server whose answers are kept nowhere',
      [...distill, '--teacher-url', 'http://localhost:1/v1', '--teacher-name', 'x', '--teacher-style', 'echo'],
      2,
      /--teacher-url also wants .*--teacher-cache/,
    ],
    [
      'a cache of several',
      [...distill, '--teacher', 'a', '--teacher', 'b', '--teacher-cache', 'c'],
      2,
      /keeps the answers of one teacher/,
    ],
    [
      'an unknown divergence',
      [...distill, '--teacher', demoModel, '--divergence', 'kl'],
      2,
      /loss\.divergence: .*forward-kl/,
    ],
    ['no recipe', ['train'], 2, /missing required argument 'recipe'/],
    ['a preset where a file is wanted', ['train', 'balanced'], 2, /expected a recipe file/],
    ['no such recipe', ['train', path('no.yaml')], 3, /no\.yaml/],
    [
      'a recipe of compress',
      ['train', path('compress.yaml')],
      2,
      /compress\.yaml:2: steps: .*recipe of sinter compress/,
    ],
    [
      'no such data',
      ['finetune', demoModel, '--data', path('no.txt'), '--out', path('never')],
      3,
      /no\.txt: no such file/,
    ],
    [
      'no such model',
      ['finetune', path('no'), '--data', calibration, '--out', path('never')],
      3,
      /no such file or folder/,
    ],
    ['the output exists', ['finetune', demoModel, ...few, '--out', demoModel], 4, /exists and is not empty/],
  ]
  beforeAll(() => writeFileSync(path('compress.yaml'), 'version: 1\nsteps:\n  - method: rtn\n'))

  test.each(cases)('%s', async (_, args, expected, says) => {
    const { code, stdout, stderr } = await sinter(...args)
    expect(stderr).toMatch(says)
    expect(code).toBe(expected)
    expect(stdout).toBe('')
    expect(existsSync(path('never'))).toBe(false)
  })

  test('a rate that diverges ends with 2 and says where the norms are', async () => {
    const args = [
      '--optimizer',
      'sgd',
      '--schedule',
      'constant',
      '--learning-rate',
      '10',
      '--clip',
      '0',
      '--set',
      'trains=everything',
    ]
    const teacher = ['--teacher', demoModel, '--alpha', '0']
    const { code, stderr } = await sinter(
      'distill',
      demoModel,
      ...small,
      ...teacher,
      '--steps',
      '40',
      ...args,
      '--out',
      path('wild'),
    )
    expect(stderr).toMatch(/diverged in step \d+: .*wild\.diverged\.json/s)
    expect(code).toBe(2)
    expect(existsSync(path('wild.diverged.json'))).toBe(true)
  })
})

test('methods lists what trains, with its options', async () => {
  const methods =
    await sinterJson<{ name: string; kind: string; options: { name: string; default?: unknown }[] }[]>('methods')
  const trained = methods.filter(({ kind }) => kind === 'train')
  expect(trained.map(({ name }) => name)).toEqual(expect.arrayContaining(['full', 'lora', 'qat', 'lsq', 'peqa']))
  expect(trained.find(({ name }) => name === 'lora')!.options).toContainEqual(
    expect.objectContaining({ name: 'rank', default: 16 }),
  )
  const { stdout } = await sinter('methods', 'qat')
  expect(stdout).toContain('activationBits')
  const { code, stderr } = await sinter('methods', 'loar')
  expect(code).toBe(2)
  expect(stderr).toMatch(/did you mean "lora"/)
})

test('schema --train is the file that editors use', async () => {
  const { stdout } = await sinter('schema', '--train')
  const file = new URL('../../../packages/engine/schema/train.schema.json', import.meta.url)
  expect(JSON.parse(stdout)).toEqual(JSON.parse(readFileSync(file, 'utf8')))
})
