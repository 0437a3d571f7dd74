import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { optimizers, SinterError } from '@sinter/model'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { trainMethods } from '../src/registry/train-methods.ts'
import { adapterNames, adapterParts } from '../src/train/adapters.ts'
import { checkTrainRecipe } from '../src/train/check-recipe.ts'
import { trainJsonSchema } from '../src/train/json-schema.ts'
import { loadTrainRecipe } from '../src/train/load-recipe.ts'
import { parseTrainRecipe } from '../src/train/parse-text.ts'
import { backboneOf, methodOf, optimizerFor } from '../src/train/train-parts.ts'
import { folder } from './train-setup.ts'

const yaml = `version: 1 # of the format
model: ./model
method:
  name: lora
  rank: 8
data:
  path: train.jsonl
  length: 128
steps: 20
optimizer:
  name: adamw
  weightDecay: 0.1
schedule:
  name: wsd
  warmup: 2
`
const jsonc = `{
  // of the format
  "version": 1,
  "model": "./model",
  "method": { "name": "lora", "rank": 8 },
  "data": { "path": "train.jsonl", "length": 128 },
  "steps": 20, /* or epochs */
  "optimizer": { "name": "adamw", "weightDecay": 0.1 },
  "schedule": { "name": "wsd", "warmup": 2 },
}`

function message(work: () => unknown): string {
  try {
    work()
  } catch (error) {
    expect(error).toBeInstanceOf(SinterError)
    expect((error as SinterError).exitCode).toBe(2)
    return (error as Error).message
  }
  throw new Error('nothing was thrown')
}

describe('reading', () => {
  test('YAML and JSON with comments give the same recipe, defaults filled in', () => {
    const recipe = parseTrainRecipe(yaml, 'train.yaml')
    expect(recipe).toEqual(parseTrainRecipe(jsonc, 'train.jsonc'))
    expect(recipe).toMatchObject({
      method: { name: 'lora', rank: 8 },
      data: { path: 'train.jsonl', length: 128, packing: true, heldOut: 0.02 },
      schedule: { name: 'wsd', warmup: 2, decay: 0.1, minimum: 0 },
      batch: 8,
      clip: 1,
      output: { format: 'hf' },
    })
    expect(methodOf(recipe)).toMatchObject({ method: { name: 'lora' }, options: { rank: 8, alpha: 32, targets: [] } })
    expect(optimizerFor(recipe)).toMatchObject({
      optimizer: { name: 'adamw' },
      options: { weightDecay: 0.1, beta1: 0.9 },
    })
    expect(backboneOf(recipe)).toBeUndefined()
  })

  test('paths of a file are relative to it, and - is standard input', async () => {
    const path = join(folder, 'r.yaml')
    await writeFile(path, `${yaml.replace('./model', '../m')}teacher: /abs/t\n`)
    const recipe = await loadTrainRecipe(path)
    expect(recipe.model).toBe(join(folder, '..', 'm'))
    expect(recipe.teacher).toBe('/abs/t')
    expect(recipe.data.path).toBe(join(folder, 'train.jsonl'))
    await writeFile(path, yaml.replace('train.jsonl', '"-"'))
    expect((await loadTrainRecipe(path)).data.path).toBe('-')
  })

  test('what the defaults give is a recipe again', () => {
    const recipe = parseTrainRecipe(yaml, 'train.yaml')
    expect(checkTrainRecipe(recipe)).toEqual(recipe)
  })
})

describe('what is wrong is said with its line, what was expected, and what came', () => {
  const cases: readonly [title: string, from: string, to: string, line: number, says: RegExp][] = [
    ['unknown key', 'steps: 20', 'step: 20', 9, /step: unknown key "step"; did you mean "steps"\?/],
    ['unknown key of the data', 'length: 128', 'lenght: 128', 8, /data\.lenght: .*did you mean "length"/],
    [
      'unknown method',
      'name: lora',
      'name: loar',
      4,
      /method\.name: unknown training method "loar"; did you mean "lora"\? Known: full/,
    ],
    [
      'unknown option of a method',
      'rank: 8',
      'ranc: 8',
      5,
      /method\.ranc: unknown key "ranc"; did you mean "rank"\? Known: name, rank/,
    ],
    ['option out of range', 'rank: 8', 'rank: 0', 5, /method\.rank: expected at least 1, got 0/],
    [
      'unknown optimizer',
      'name: adamw',
      'name: adam',
      11,
      /optimizer\.name: unknown optimizer "adam"; did you mean "adamw"/,
    ],
    [
      'unknown option of an optimizer',
      'weightDecay',
      'weightDeacy',
      12,
      /optimizer\.weightDeacy: .*did you mean "weightDecay"/,
    ],
    [
      'unknown schedule',
      'name: wsd',
      'name: wds',
      14,
      /schedule\.name: expected one of constant, .*wsd \(did you mean wsd\?\), got "wds"/,
    ],
    [
      'a schedule without a name',
      'name: wsd',
      'decay: 2',
      13,
      /schedule\.name: expected one of constant, .*but it is missing/,
    ],
    ['steps and epochs', 'steps: 20', 'steps: 20\nepochs: 1', 10, /epochs: give either steps or epochs, not both/],
    ['neither', 'steps: 20\n', '', 1, /how long\? Give either steps or epochs/],
    [
      'a loss without a teacher',
      'steps: 20',
      'steps: 20\nloss: {alpha: 1}',
      10,
      /loss: speaks of a teacher, but there is none/,
    ],
    [
      'unknown divergence',
      'steps: 20',
      'steps: 20\nteacher: t\nloss: {divergence: forward}',
      11,
      /loss\.divergence: .*did you mean forward-kl/,
    ],
    [
      'unknown backbone',
      'steps: 20',
      'steps: 20\nbackbone: {method: nf5}',
      10,
      /backbone\.method: unknown method "nf5"; did you mean "nf4"/,
    ],
    [
      'a backbone that wants data',
      'steps: 20',
      'steps: 20\nbackbone: {method: gptq}',
      10,
      /gptq cannot round a backbone, for it looks at activations.* choose .*nf4/,
    ],
    [
      'unknown format',
      'steps: 20',
      'steps: 20\noutput: {format: "gguf:Q9"}',
      10,
      /unknown type of gguf "Q9"; did you mean/,
    ],
    [
      'an adapter in a type that none is read in',
      'steps: 20',
      'steps: 20\noutput: {format: "gguf:Q8_0", adapterOnly: true}',
      10,
      /output\.format: an adapter alone is written as hf:keep, hf:f32, gguf:F32, gguf:F16, gguf:BF16, not as gguf:Q8_0/,
    ],
    ['no data', 'path: train.jsonl', 'skipEmpty: true', 6, /data\.path: expected a string, but it is missing/],
    ['held out as a count', 'length: 128', 'heldOut: 32', 8, /data\.heldOut: expected at most 1 \(exclusive\), got 32/],
    ['a row of one token', 'length: 128', 'length: 1', 8, /data\.length: expected at least 2, got 1/],
  ]

  test.each(cases)('%s', (_, from, to, line, says) => {
    const text = message(() => parseTrainRecipe(yaml.replace(from, to), 'r.yaml'))
    expect(text).toMatch(says)
    expect(text).toMatch(new RegExp(`^r\\.yaml:${line}: `, 'm'))
  })

  test('every complaint at once', () => {
    const text = message(() => parseTrainRecipe(yaml.replace('rank: 8', 'rank: 0').replace('wsd', 'wds'), 'r.yaml'))
    expect(text.split('\n')).toHaveLength(2)
  })

  test('a recipe of compress is told from one of train', () => {
    const text = message(() => parseTrainRecipe('version: 1\nsteps:\n  - method: rtn\n', 'r.yaml'))
    expect(text).toBe(
      'r.yaml:2: steps: a list of steps is a recipe of sinter compress; a training recipe has method, data, and a number of steps',
    )
  })

  test('any JSON value is a recipe or a SinterError', () => {
    fc.assert(
      fc.property(
        fc.jsonValue(),
        fc.constantFrom('method', 'data', 'optimizer', 'schedule', 'steps', ''),
        (value, key) => {
          const recipe = { version: 1, method: { name: 'full' }, data: { path: 'a' }, steps: 1 }
          try {
            parseTrainRecipe(JSON.stringify(key === '' ? value : { ...recipe, [key]: value }), 'r.json')
          } catch (error) {
            return error instanceof SinterError
          }
          return true
        },
      ),
    )
  })
})

describe('adapters', () => {
  test('qlora is lora beside NF4, which begins with what NF4 took, or as it is told', () => {
    expect(adapterParts('qlora', { rank: 4 })).toEqual({
      method: { name: 'lora', rank: 4, initial: 'error' },
      backbone: { method: 'nf4' },
    })
    expect(adapterParts('qlora', { initial: 'zero' }).method).toEqual({ name: 'lora', initial: 'zero' })
    expect(adapterParts('lora', { rank: 4 })).toEqual({ method: { name: 'lora', rank: 4 } })
    expect(adapterNames).toEqual(expect.arrayContaining(['lora', 'qlora']))
  })

  test('each can be a recipe with its defaults', () => {
    for (const name of adapterNames) {
      const recipe = checkTrainRecipe({ version: 1, ...adapterParts(name, {}), data: { path: 'a' }, steps: 1 })
      expect(methodOf(recipe).method.kind).toBe('train')
    }
  })

  test('an unknown one, with the nearest', () => {
    expect(message(() => adapterParts('qlorra', {}))).toMatch(/unknown adapter "qlorra"; did you mean "qlora"\?/)
  })
})

describe('JSON Schema', () => {
  test('the file for editors is what the code says', async () => {
    const file = await readFile(new URL('../schema/train.schema.json', import.meta.url), 'utf8')
    // Written by: pnpm schema
    expect(JSON.parse(file)).toEqual(JSON.parse(JSON.stringify(trainJsonSchema())))
  })

  test('offers every method and optimizer with its own options', () => {
    type Choices = { oneOf: { properties: Record<string, { const?: string }>; additionalProperties: boolean }[] }
    const { properties } = trainJsonSchema() as { properties: Record<string, Choices> }
    const names = (key: string, by: string) => properties[key]!.oneOf.map(one => one.properties[by]?.const)
    expect(names('method', 'name')).toEqual(trainMethods.map(({ name }) => name).sort())
    expect(names('optimizer', 'name')).toEqual(optimizers.map(({ name }) => name).sort())
    expect(names('backbone', 'method')).toEqual(expect.arrayContaining(['nf4', 'rtn']))
    expect(names('backbone', 'method')).not.toContain('gptq')
    for (const one of properties.method!.oneOf) expect(one.additionalProperties).toBe(false)
  })
})

test('no option of a training method or optimizer is called name', () => {
  for (const { options } of [...trainMethods, ...optimizers])
    expect(Object.keys((options as unknown as { shape: object }).shape)).not.toContain('name')
})
