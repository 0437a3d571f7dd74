import { openModel, SinterError } from '@sinter/model'
import { describe, expect, test } from 'vitest'
import { type Diagnostic, diagnoseRecipe, resolvePlan } from '../src/index.ts'

/** The text after its repairs, the last first so that places stay right. */
function repaired(text: string, diagnostics: readonly Diagnostic[]): string {
  const fixes = diagnostics.flatMap(({ fix }) => (fix ? [fix] : []))
  return fixes
    .toSorted((a, b) => b.offset - a.offset)
    .reduce((now, { offset, length, text: put }) => now.slice(0, offset) + put + now.slice(offset + length), text)
}

const wrongJson = `{
  // a comment
  "version": 1,
  "steps": [{ "metod": "gptq", "method": "gptqq", "bits": 4 }],
  "output": { "format": "hf", "dtype": "bf61" }
}`

const wrongYaml = `version: 1
steps:
  - method: rtn
    bits: 99
propagate: 'orignal'
`

describe('diagnostics of a recipe text', () => {
  test.each([
    ['recipe.sinter.jsonc', wrongJson.replace('"metod": "gptq", ', '')],
    ['recipe.yaml', wrongYaml],
  ])('the repairs of %s make a recipe', (name, text) => {
    const { recipe, diagnostics } = diagnoseRecipe(text, `/models/${name}`)
    expect(recipe).toBeUndefined()
    expect(diagnostics.length).toBe(2)
    for (const { span } of diagnostics) expect(span).toBeDefined()
    const again = diagnoseRecipe(repaired(text, diagnostics), `/models/${name}`)
    expect(again.diagnostics).toEqual([])
    expect(again.recipe).toBeDefined()
  })

  test('a misspelt key is underlined itself, and its repair is the key', () => {
    const text = '{ "version": 1, "stepz": [], "steps": [{ "method": "rtn", "bitz": 4 }] }'
    const { diagnostics } = diagnoseRecipe(text, 'a.json')
    const keys = diagnostics.map(({ path, fix }) => [path, fix?.text, text.slice(fix?.offset).slice(0, fix?.length)])
    expect(keys).toEqual([
      ['stepz', '"steps"', '"stepz"'],
      ['steps[0].bitz', '"bits"', '"bitz"'],
    ])
  })

  test('a text that is no JSON has one diagnostic with its line', () => {
    const { recipe, diagnostics } = diagnoseRecipe('{\n  "version": 1,\n  "steps": [\n', 'a.json')
    expect(recipe).toBeUndefined()
    expect(diagnostics).toEqual([{ severity: 'error', path: '', line: 4, message: 'not JSON (CloseBracketExpected)' }])
  })

  test('paths are relative to the file', () => {
    const { recipe } = diagnoseRecipe('version: 1\nmodel: ../m\nsteps: [{ method: rtn }]', '/models/recipes/a.yaml')
    expect(recipe?.model).toBe('/models/m')
  })

  test.each(['"mlp.up_prj"', '"!mlp.up_prj"'])('the planner says where %s stands and what was meant', async glob => {
    const text = `{ "version": 1, "steps": [{ "method": "rtn" }, { "method": "rtn", "targets": ["mlp.*", ${glob}] }] }`
    const { recipe, place } = diagnoseRecipe(text, 'a.json')
    const model = await openModel(new URL('../../../apps/cli/assets/demo-model', import.meta.url).pathname)
    const error = await resolvePlan(model, recipe!).catch((caught: unknown) => caught)
    await model.close()
    expect(error).toBeInstanceOf(SinterError)
    const { path, span, fix } = place(error as SinterError)
    expect(path).toBe('steps[1].targets[1]')
    expect(text.slice(span!.offset).slice(0, span!.length)).toBe(glob)
    expect(fix?.text).toBe(glob.replace('up_prj', 'up_proj'))
  })
})
