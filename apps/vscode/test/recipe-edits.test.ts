import { recipeJsonSchema } from '@sinter/engine'
import fc from 'fast-check'
import { applyEdits, parse } from 'jsonc-parser'
import { describe, expect, it } from 'vitest'
import { formSession } from '../src/host/form/form-session.ts'
import { readRecipe } from '../src/host/form/read-recipe.ts'
import { recipeEdits } from '../src/host/form/recipe-edits.ts'
import { canShow, type Field, fieldsOf } from '../src/shared/form-fields.ts'
import { FORM_PROTOCOL, type FormChange, readFromForm, type ToForm } from '../src/shared/form-messages.ts'

const recipe = `// Why this recipe is
{
\t"version": 1, // of the format
\t"steps": [
\t\t// the careful one
\t\t{
\t\t\t"method": "gptq", /* here */ "bits": 4,
\t\t\t// of a row
\t\t\t"groupSize": 32 // small
\t\t},
\t\t{ "method": "rtn", "targets": ["mlp.*", "!mlp.up_proj"] } // the quick one
\t],
\t"calibration": { "text": "text.txt" },
}
`

const changed = (text: string, change: FormChange): string => applyEdits(text, [...recipeEdits(text, change)])
const value = (text: string): unknown => parse(text, [], { allowTrailingComma: true })
const comments = (text: string): string[] => text.match(/\/\/[^\n]*|\/\*[\s\S]*?\*\//g) ?? []

/** Lines that only one of two texts has. */
const unequal = (before: string, after: string): string[] => {
  const [one, other] = [before.split('\n'), after.split('\n')]
  return [...one.filter(line => !other.includes(line)), ...other.filter(line => !one.includes(line))]
}

describe('changes of a recipe as edits of its text', () => {
  it('replaces a value and nothing else', () => {
    const after = changed(recipe, { type: 'set', path: ['steps', 0, 'bits'], value: 3 })
    expect(after).toBe(recipe.replace('"bits": 4', '"bits": 3'))
  })

  it('writes a new option as the lines around it are written', () => {
    const after = changed(recipe, { type: 'set', path: ['steps', 0, 'damping'], value: 0.02 })
    expect(after).toContain('\n\t\t\t"groupSize": 32,\n\t\t\t"damping": 0.02')
    expect(comments(after)).toEqual(comments(recipe))
    const one = changed(recipe, { type: 'set', path: ['calibration', 'samples'], value: 4 })
    expect(one).toBe(recipe.replace('"text.txt" }', '"text.txt", "samples": 4 }'))
  })

  it('makes the object that an option belongs to', () => {
    const after = changed(recipe, { type: 'set', path: ['evaluate', 'text'], value: 'other.txt' })
    expect(value(after)).toEqual({ ...(value(recipe) as object), evaluate: { text: 'other.txt' } })
    expect(comments(after)).toEqual(comments(recipe))
  })

  it('takes an option out with its comma, and leaves every comment', () => {
    const first = changed(recipe, { type: 'remove', path: ['steps', 0, 'bits'] })
    expect(first).toContain('"method": "gptq", /* here */ \n\t\t\t// of a row\n\t\t\t"groupSize": 32 // small')
    const last = changed(recipe, { type: 'remove', path: ['steps', 0, 'groupSize'] })
    expect(last).toContain('/* here */ "bits": 4\n\t\t\t// of a row\n\t\t\t// small')
    for (const after of [first, last]) expect(comments(after)).toEqual(comments(recipe))
    expect(changed('{ "version": 1, "seed": 2 }', { type: 'remove', path: ['seed'] })).toBe('{ "version": 1 }')
    expect(changed('{ "seed": 2, "version": 1 }', { type: 'remove', path: ['seed'] })).toBe('{ "version": 1 }')
  })

  it('takes an object out with the last that is in it', () => {
    const after = changed(recipe, { type: 'remove', path: ['calibration', 'text'] })
    expect(unequal(recipe, after)).toEqual(['\t"calibration": { "text": "text.txt" },'])
    const kept = '{ "calibration": { "text": "a" /* mine */ } }'
    expect(changed(kept, { type: 'remove', path: ['calibration', 'text'] })).toBe('{ "calibration": { /* mine */ } }')
  })

  it('appends to lists, also to one that is not there', () => {
    const step = changed(recipe, { type: 'append', path: ['steps'], value: { method: 'wanda' } })
    expect((value(step) as { steps: unknown[] }).steps[2]).toEqual({ method: 'wanda' })
    expect(comments(step)).toEqual(comments(recipe))
    const entry = changed(recipe, { type: 'append', path: ['steps', 1, 'targets'], value: 'lm_head' })
    expect(entry).toBe(recipe.replace('"!mlp.up_proj"]', '"!mlp.up_proj", "lm_head"]'))
    const made = changed(recipe, { type: 'append', path: ['protect'], value: 'lm_head' })
    expect(value(made)).toEqual({ ...(value(recipe) as object), protect: ['lm_head'] })
  })

  it('lets steps change places with the comments above them', () => {
    const after = changed(recipe, { type: 'swap', path: ['steps'], at: 0 })
    const [one, other] = (value(recipe) as { steps: unknown[] }).steps
    expect((value(after) as { steps: unknown[] }).steps).toEqual([other, one])
    expect(after.indexOf('// the careful one')).toBeGreaterThan(after.indexOf('"rtn"'))
    expect(after.slice(after.indexOf('// the careful one')).trimStart()).toMatch(/^\/\/ the careful one\n\t\t\{/)
    expect(comments(after).sort()).toEqual(comments(recipe).sort())
    expect(changed(after, { type: 'swap', path: ['steps'], at: 0 })).toBe(recipe)
  })

  it.each<[string, FormChange]>([
    ['no place', { type: 'remove', path: ['steps', 7, 'bits'] }],
    ['no list', { type: 'append', path: ['version'], value: 'a' }],
    ['a key of a list', { type: 'set', path: ['steps', 'bits'], value: 1 }],
    ['a key of a number', { type: 'set', path: ['version', 'bits'], value: 1 }],
    ['a place in an object', { type: 'set', path: [0], value: 1 }],
    ['the whole', { type: 'remove', path: [] }],
    ['one past the end', { type: 'swap', path: ['steps'], at: 1 }],
  ])('changes nothing where there is %s', (_, change) => {
    expect(recipeEdits(recipe, change)).toEqual([])
  })

  it('changes nothing in a text that is no recipe, and says where it is not', () => {
    for (const text of ['', '{ "version": 1', '[]', '{ "a": 1, "a": 2 }', `"${'x'.repeat(2 ** 21)}"`])
      expect(recipeEdits(text, { type: 'set', path: ['seed'], value: 1 })).toEqual([])
    expect(readRecipe('{\n  "a": 1,\n  "b": ]\n}').problem).toMatchObject({ why: 'syntax', line: 3, column: 8 })
    expect(readRecipe('{\r\n"a": {"b": 1,\r\n"b": 2}}').problem).toMatchObject({ why: 'twice', line: 3, column: 1 })
    expect(readRecipe('[]').problem?.why).toBe('object')
    expect(readRecipe(`{ "a": ${'['.repeat(100_000)}`).problem?.why).toBe('deep')
  })

  it('leaves all that a change does not name as it was, whatever the text looks like', () => {
    const key = fc.constantFrom('bits', 'text', 'a "quoted" key', '__proto', 'ü')
    const scalar = fc.oneof(fc.integer(), fc.boolean(), fc.string(), fc.constant('// no comment'))
    const flat = fc.dictionary(key, scalar, { maxKeys: 4 })
    const whole = fc.dictionary(key, fc.oneof(scalar, flat, fc.array(flat, { maxLength: 3 })), {
      minKeys: 1,
      maxKeys: 4,
    })
    const space = fc.array(fc.constantFrom(' ', '\n', '\t', '/* c */', '// d\n', '/* e\n// f */', '\r\n'), {
      minLength: 1,
      maxLength: 5,
    })
    fc.assert(
      fc.property(whole, space, scalar, fc.nat(), fc.boolean(), (object, gaps, next, pick, remove) => {
        const text = spaced(object, gaps)
        expect(value(text)).toEqual(object)
        const paths = pathsOf(object)
        fc.pre(paths.length > 0)
        const path = paths[pick % paths.length]!
        const after = changed(text, remove ? { type: 'remove', path } : { type: 'set', path, value: next })
        expect(comments(withoutStrings(after))).toEqual(comments(withoutStrings(text)))
        if (remove) expect(leaves(value(after))).toEqual(leaves(object).filter(([at]) => at !== JSON.stringify(path)))
        else expect(value(after)).toEqual(withValue(object, path, next))
      }),
      { numRuns: 500 },
    )
  })
})

it('appends to a list, swaps in it and adds to an object, whatever stands between the entries', () => {
  const entry = fc.dictionary(fc.constantFrom('a', 'b'), fc.oneof(fc.integer(), fc.constant('// no comment')))
  const space = fc.array(fc.constantFrom(' ', '\n', '\t', '/* c */', '// d\n', '/* e\n// f */', '\r\n'), {
    minLength: 1,
    maxLength: 5,
  })
  fc.assert(
    fc.property(fc.array(entry, { minLength: 2, maxLength: 4 }), space, fc.nat(2), (steps, gaps, pick) => {
      const text = spaced({ steps, seed: 1 }, gaps)
      const at = pick % (steps.length - 1)
      const [one, other] = [steps[at]!, steps[at + 1]!]
      const swapped = changed(text, { type: 'swap', path: ['steps'], at })
      expect(value(swapped)).toEqual({ steps: steps.with(at, other).with(at + 1, one), seed: 1 })
      const appended = changed(text, { type: 'append', path: ['steps'], value: { method: 'a' } })
      expect(value(appended)).toEqual({ steps: [...steps, { method: 'a' }], seed: 1 })
      const added = changed(text, { type: 'set', path: ['added', 'deep'], value: 2 })
      expect(value(added)).toEqual({ steps, seed: 1, added: { deep: 2 } })
      for (const after of [swapped, appended, added])
        expect(comments(withoutStrings(after)).sort()).toEqual(comments(withoutStrings(text)).sort())
    }),
    { numRuns: 500 },
  )
})

type Path = readonly (string | number)[]

/** JSON with white space and comments in every gap, but not within a property: what is there goes with it. */
function spaced(json: unknown, gaps: readonly string[]): string {
  let n = 0
  const gap = () => gaps[n++ % gaps.length]!
  const write = (one: unknown): string => {
    if (Array.isArray(one)) return `[${gap()}${one.map(entry => write(entry) + gap()).join(`,${gap()}`)}]`
    if (typeof one !== 'object' || one === null) return JSON.stringify(one)
    const entries = Object.entries(one).map(([name, entry]) => `${JSON.stringify(name)}: ${write(entry)}${gap()}`)
    return `{${gap()}${entries.join(`,${gap()}`)}}`
  }
  return gap() + write(json) + gap()
}

/** Of all values that are no objects or lists. */
function pathsOf(json: unknown, at: Path = []): Path[] {
  if (typeof json !== 'object' || json === null) return [at]
  return Array.isArray(json)
    ? json.flatMap((entry, i) => pathsOf(entry, [...at, i]))
    : Object.entries(json).flatMap(([name, entry]) => pathsOf(entry, [...at, name]))
}

const leaves = (json: unknown): [path: string, value: unknown][] =>
  pathsOf(json).map(path => [JSON.stringify(path), path.reduce<unknown>(valueAt, json)])

const valueAt = (json: unknown, step: string | number): unknown => (json as Record<string | number, unknown>)[step]

function withValue(json: object, path: Path, value: unknown): unknown {
  const copy = structuredClone(json)
  const parent = path.slice(0, -1).reduce<unknown>(valueAt, copy) as Record<string | number, unknown>
  parent[path.at(-1)!] = value
  return copy
}

const withoutStrings = (text: string): string => text.replace(/"(?:[^"\\]|\\.)*"/g, '""')

describe('fields of the schema', () => {
  const fields = fieldsOf(recipeJsonSchema())
  const all = (named: readonly { name: string; field: Field }[], at = ''): [string, Field][] =>
    named.flatMap(({ name, field }): [string, Field][] => [
      [at + name, field],
      ...(field.kind === 'group' ? all(field.fields, `${at}${name}.`) : []),
      ...(field.kind === 'variants'
        ? field.variants.flatMap(({ value, fields }) => all(fields, `${at}${name}.${value}.`))
        : []),
    ])

  it('has a control for everything that a recipe can say', () => {
    const found = new Map(all(fields))
    expect([...found].filter(([, { kind }]) => kind === 'other')).toEqual([])
    expect(found.get('steps.gptq.bits')).toEqual({ kind: 'number', whole: true, least: 2, most: 8 })
    expect(found.get('steps.gptq.symmetric')).toEqual({ kind: 'choice', values: [true, false] })
    expect(found.get('steps.rtn.targets')).toEqual({ kind: 'texts' })
    expect(found.get('calibration.text')?.kind).toBe('text')
    expect(found.get('version')).toEqual({ kind: 'constant', value: 1 })
    expect(found.size).toBeGreaterThan(100)
  })

  it('takes a shape that it does not know for one it cannot draw', () => {
    const schema = {
      properties: { a: { anyOf: [{ type: 'string' }] }, b: 1, c: { type: 'array', items: {} }, d: null },
    }
    expect(fieldsOf(schema).map(({ field }) => field.kind)).toEqual(['other', 'other', 'other', 'other'])
    expect(fieldsOf(undefined)).toEqual([])
    const endless: Record<string, unknown> = { type: 'object' }
    endless.properties = { again: endless }
    expect(all(fieldsOf(endless)).at(-1)![1].kind).toBe('other')
  })

  it('shows a value of another type as it is', () => {
    expect(canShow({ kind: 'number', whole: true }, '4')).toBe(false)
    expect(canShow({ kind: 'choice', values: ['a'] }, 'b')).toBe(false)
    expect(canShow({ kind: 'texts' }, ['a', 1])).toBe(false)
    expect(canShow({ kind: 'text' }, 'a\nb')).toBe(false)
    expect(canShow({ kind: 'other' }, undefined)).toBe(true)
  })
})

describe('what a page may ask for', () => {
  it.each([
    undefined,
    'change',
    { type: 'change', version: 1 },
    { type: 'change', version: 1, change: { type: 'erase', path: [] } },
    { type: 'change', version: 1, change: { type: 'set', path: 'seed', value: 1 } },
    { type: 'change', version: 1, change: { type: 'set', path: [-1], value: 1 } },
    { type: 'change', version: 1, change: { type: 'set', path: ['a'], value: { b: { c: 1 } } } },
    { type: 'change', version: 1, change: { type: 'set', path: Array(100).fill('a'), value: 1 } },
    { type: 'change', version: 1, change: { type: 'set', path: ['a'], value: 'x'.repeat(2 ** 17) } },
    { type: 'act', action: 'workbench.action.quit' },
    { type: 'text' },
    { type: 'constructor' },
  ])('is checked, %#', message => {
    expect(readFromForm(message)).toBeUndefined()
  })

  /** A session on a text, as the workbench would keep it. */
  function opened(text: string, canRun = true) {
    let [now, version] = [text, 1]
    const [posted, done]: [ToForm[], string[]] = [[], []]
    const session = formSession(
      {
        schema: async () => ({}),
        text: () => now,
        version: () => version,
        marks: () => [],
        canRun: () => canRun,
        apply: async edits => {
          now = applyEdits(now, [...edits])
          version++
        },
        act: action => done.push(action),
        showText: path => done.push(JSON.stringify(path)),
      },
      message => posted.push(message),
    )
    return { session, posted, done, text: () => now }
  }
  const seed = (value: number): FormChange => ({ type: 'set', path: ['seed'], value })

  it('is left undone in a text that is no longer the one that was seen', async () => {
    const { session, posted, text } = opened('{ "seed": 1 }')
    await session.receive({ type: 'ready', protocol: FORM_PROTOCOL })
    await session.receive({ type: 'change', version: 1, change: seed(2) })
    expect(posted.at(-1)).toMatchObject({ type: 'recipe', version: 2, value: { seed: 2 }, answers: 'done' })
    await session.receive({ type: 'change', version: 1, change: seed(3) })
    expect(posted.at(-1)).toMatchObject({ version: 2, value: { seed: 2 }, answers: 'late' })
    expect(text()).toBe('{ "seed": 2 }')
  })

  it('is left undone while another is being made', async () => {
    const { session, posted, text } = opened('{ "seed": 1 }')
    await session.receive({ type: 'ready', protocol: FORM_PROTOCOL })
    await Promise.all([2, 3].map(value => session.receive({ type: 'change', version: 1, change: seed(value) })))
    expect(text()).toBe('{ "seed": 2 }')
    expect(posted.map(message => message.type === 'recipe' && message.answers)).toContain('late')
  })

  it('runs nothing where nothing runs', async () => {
    const { session, posted, done } = opened('{}', false)
    await session.receive({ type: 'ready', protocol: FORM_PROTOCOL })
    expect(posted.at(-1)).toMatchObject({ canRun: false })
    for (const action of ['run', 'plan', 'estimate']) await session.receive({ type: 'act', action })
    expect(done).toEqual(['plan', 'estimate'])
  })

  it('is refused to a page of another version', async () => {
    const { session, posted } = opened('{}')
    await session.receive({ type: 'ready', protocol: FORM_PROTOCOL + 1 })
    session.update()
    expect(posted.map(({ type }) => type)).toEqual(['refused'])
  })
})
