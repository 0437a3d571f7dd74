import { mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SinterError } from '@sinter/model'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { recipeJsonSchema } from '../src/recipe/json-schema.ts'
import { checkRecipe, loadRecipe } from '../src/recipe/parse.ts'
import { parseRecipe } from '../src/recipe/parse-text.ts'
import { stepsOf } from '../src/recipe/short-form.ts'
import { parseFormat } from '../src/registry/formats.ts'
import { findMethod, methods, optionFields } from '../src/registry/methods.ts'

const yaml = `version: 1 # of the format
steps:
  - method: gptq
    bits: 3
    targets: [mlp.*]
    blocks: 0-1,3
calibration:
  text: words.txt
  samples: 8
`
const jsonc = `{
  // of the format
  "version": 1,
  "steps": [{ "method": "gptq", "bits": 3, "targets": ["mlp.*"], "blocks": "0-1,3" }],
  "calibration": { "text": "words.txt", "samples": 8 }, /* the rest is default */
}`

function message(work: () => unknown): string {
  try {
    work()
  } catch (error) {
    expect(error).toBeInstanceOf(SinterError)
    return (error as Error).message
  }
  throw new Error('nothing was thrown')
}

describe('reading', () => {
  test('YAML and JSON with comments give the same recipe, defaults filled in', () => {
    const recipe = parseRecipe(yaml, 'recipe.yaml')
    expect(recipe).toEqual(parseRecipe(jsonc, 'recipe.jsonc'))
    expect(recipe).toEqual({
      version: 1,
      steps: [{ method: 'gptq', bits: 3, targets: ['mlp.*'], blocks: '0-1,3' }],
      calibration: { text: 'words.txt', samples: 8, length: 512 },
      seed: 0,
    })
  })

  test('paths of a file are relative to it', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sinter-recipe-'))
    await writeFile(join(folder, 'r.yaml'), `${yaml}model: ../m\nevaluate: {text: /abs/e.txt}\n`)
    const recipe = await loadRecipe(join(folder, 'r.yaml'))
    expect(recipe.calibration?.text).toBe(join(folder, 'words.txt'))
    expect(recipe.model).toBe(join(folder, '..', 'm'))
    expect(recipe.evaluate?.text).toBe('/abs/e.txt')
  })
})

describe('what is wrong is said with its line, what was expected, and what came', () => {
  test.each([
    [
      'unknown key',
      'bits: 3',
      'bitz: 3',
      4,
      /steps\[0\]\.bitz: unknown key "bitz"; did you mean "bits"\? Known: method/,
    ],
    [
      'unknown key at the top',
      'version: 1',
      'version: 1\nprotekt: [a]',
      2,
      /unknown key "protekt"; did you mean "protect"/,
    ],
    ['unknown key of a section', 'samples: 8', 'sample: 8', 9, /calibration\.sample: .*did you mean "samples"/],
    ['unknown method', 'gptq', 'gtpq', 3, /unknown method "gtpq"; did you mean gptq\? Known: .*wanda/],
    ['number too large', 'bits: 3', 'bits: 9', 4, /steps\[0\]\.bits: expected at most 8, got 9/],
    ['wrong type', 'bits: 3', 'bits: three', 4, /expected a number, got "three"/],
    ['fraction', 'bits: 3', 'bits: 3.5', 4, /expected a whole number, got 3\.5/],
    ['wrong choice', 'bits: 3', 'range: mes', 4, /expected one of minmax, mse, .*\(did you mean mse\?\), got "mes"/],
    ['blocks', 'blocks: 0-1,3', 'blocks: all', 6, /expected block numbers such as 0-3,7, got "all"/],
    ['version', 'version: 1', 'version: 2', 1, /version: expected 1, got 2/],
    [
      'format',
      'calibration:',
      'output: {format: "gguf:Q9"}\ncalibration:',
      7,
      /unknown type of gguf "Q9"; did you mean/,
    ],
    [
      'read-only format',
      'calibration:',
      'output: {format: "gguf:i8"}\ncalibration:',
      7,
      /I8 can be read but not written/,
    ],
  ])('%s', (_, from, to, line, expected) => {
    const text = message(() => parseRecipe(yaml.replace(from, to), 'r.yaml'))
    expect(text).toMatch(expected)
    expect(text.split('\n')[0]).toMatch(new RegExp(`^r\\.yaml:${line}: `))
  })

  test('JSON: same key, same line', () => {
    const text = message(() => parseRecipe(jsonc.replace('"bits"', '\n"bitz"'), 'r.json'))
    expect(text).toMatch(/^r\.json:5: steps\[0\]\.bitz: unknown key "bitz"/)
  })

  test('every complaint of a recipe at once', () => {
    const text = message(() => parseRecipe('version: 2\nsteps: [{method: rtn, bits: 1}]\nmodle: x\n', 'r.yaml'))
    expect(text.split('\n')).toHaveLength(3)
  })

  test.each([
    ['duplicate key, YAML', 'version: 1\nversion: 1\n', 'r.yaml', /^r\.yaml:2: not YAML/],
    ['duplicate key, JSON', '{"version": 1,\n"version": 1}', 'r.json', /^r\.json:2: the key "version" comes twice/],
    ['broken JSON', '{"version": 1,\n"steps": [}', 'r.json', /^r\.json:2: not JSON/],
    ['empty', '', 'r.json', /not JSON/],
    ['empty YAML', '', 'r.yaml', /expected an object, got null/],
    ['too large', ' '.repeat(2 ** 20 + 1), 'r.yaml', /at most 1048576/],
    ['no steps', 'version: 1\n', 'r.yaml', /steps: expected an array, but it is missing/],
    ['empty steps', 'version: 1\nsteps: []', 'r.yaml', /steps: expected a length of at least 1/],
  ])('%s', (_, text, name, expected) => {
    expect(message(() => parseRecipe(text, name))).toMatch(expected)
  })

  test('aliases that would unfold to a billion values are refused', () => {
    const levels = Array.from({ length: 9 }, (_, i) => `l${i + 1}: &l${i + 1} [${Array(9).fill(`*l${i}`).join(', ')}]`)
    expect(message(() => parseRecipe(`l0: &l0 x\n${levels.join('\n')}\n`, 'r.yaml'))).toMatch(/not YAML|unknown key/)
  })

  test('any text is a recipe or a SinterError', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 60 }), fc.constantFrom('r.yaml', 'r.json'), (text, name) => {
        try {
          parseRecipe(text, name)
        } catch (error) {
          return error instanceof SinterError && error.exitCode === 2
        }
        return true
      }),
    )
  })

  test.each([{ length: {} }, [{ method: { length: {} } }]])(
    'a length that is none is no list and no text: %j',
    steps => {
      expect(() => parseRecipe(JSON.stringify({ version: 1, steps }), 'r.json')).toThrow(SinterError)
    },
  )

  test('any JSON value is a recipe or a SinterError', () => {
    fc.assert(
      fc.property(fc.jsonValue(), value => {
        try {
          parseRecipe(JSON.stringify({ version: 1, steps: value }), 'r.json')
        } catch (error) {
          return error instanceof SinterError
        }
        return true
      }),
    )
  })
})

describe('registry', () => {
  test('every method can be found, and its defaults satisfy its own schema', () => {
    for (const method of methods) {
      expect(findMethod(method.name)).toBe(method)
      expect(method.options.parse(method.options.parse({}))).toEqual(method.options.parse({}))
    }
    expect(methods.map(method => method.name).sort()).toEqual([
      'awq',
      'fp4',
      'fp8',
      'gptq',
      'int8',
      'magnitude',
      'mxfp4',
      'mxfp8',
      'nf4',
      'nvfp4',
      'rtn',
      'sparsegpt',
      'wanda',
    ])
  })

  test('no option of a method hides a field of a step', () => {
    for (const method of methods)
      for (const key of ['method', 'targets', 'blocks']) expect(Object.keys(optionFields(method))).not.toContain(key)
  })

  test('formats', () => {
    expect(parseFormat('hf')).toEqual({ container: 'hf', encoding: 'keep' })
    expect(parseFormat('gguf:q4_0')).toEqual({ container: 'gguf', encoding: 'Q4_0' })
    expect(parseFormat('gguf:bf16')).toEqual({ container: 'gguf', encoding: 'BF16' })
    expect(parseFormat('gguf')).toEqual({ container: 'gguf', encoding: 'F16' })
    for (const bad of ['', 'onnxx', 'gguf:', 'gguf:Q4_0:x', 'hf:Q4_0'])
      expect(() => parseFormat(bad)).toThrow(SinterError)
  })
})

describe('short form', () => {
  test('a weight method is one step', () => {
    expect(stepsOf('gptq', { bits: 4, blocks: '0' })).toEqual([{ method: 'gptq', bits: 4, blocks: '0' }])
  })

  test('a transform is followed by rounding on the grid that it assumes; targets are for the rounding', () => {
    expect(stepsOf('awq', { bits: 3, groupSize: 32, clip: false, range: 'mse', targets: ['mlp.*'] })).toEqual([
      { method: 'awq', bits: 3, groupSize: 32, clip: false },
      { method: 'rtn', bits: 3, groupSize: 32, range: 'mse', targets: ['mlp.*'], symmetric: false },
    ])
    expect(stepsOf('awq', { symmetric: true })[1]).toEqual({ method: 'rtn', symmetric: true })
  })

  test('what neither knows is an error, not dropped', () => {
    expect(message(() => checkRecipe({ version: 1, steps: stepsOf('awq', { bitz: 3 }) }))).toMatch(/unknown key "bitz"/)
  })
})

describe('JSON Schema', () => {
  test('the file for editors is what the code says', async () => {
    const file = await readFile(new URL('../schema/recipe.schema.json', import.meta.url), 'utf8')
    // Written by: pnpm schema --out packages/engine/schema/recipe.schema.json
    expect(JSON.parse(file)).toEqual(JSON.parse(JSON.stringify(recipeJsonSchema())))
  })

  test('offers every method with its own options and refuses others', () => {
    const schema = recipeJsonSchema() as {
      properties: { steps: { items: { oneOf: { properties: Record<string, { const?: string }> }[] } } }
    }
    const steps = schema.properties.steps.items.oneOf
    const sorted = methods.toSorted((a, b) => (a.name < b.name ? -1 : 1))
    expect(steps.map(step => step.properties.method?.const)).toEqual(sorted.map(method => method.name))
    for (const [i, method] of sorted.entries()) {
      const keys = Object.keys(steps[i]!.properties)
      expect(keys).toEqual(['method', 'targets', 'blocks', ...Object.keys(optionFields(method))])
      expect(steps[i]).toHaveProperty('additionalProperties', false)
    }
  })
})
