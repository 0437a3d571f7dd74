import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { recipeChecker } from '../src/engine/recipe-checker.ts'
import type { RecipeDiagnostic, RecipeFix } from '../src/shared/recipe-checker.ts'
import { writeHollow } from './helpers/model-files.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sinter-checker-'))
  cpSync(fileURLToPath(new URL('../../cli/assets/demo-model', import.meta.url)), join(folder, 'model'), {
    recursive: true,
  })
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const check = (text: string) => recipeChecker.check(text, join(folder, 'a.sinter.jsonc'))
const recipe = (step: object, more: object = {}): string =>
  JSON.stringify({ version: 1, model: 'model', steps: [step], ...more }, null, 2)
const marked = (text: string, { offset, length }: RecipeDiagnostic): string => text.slice(offset, offset + length)

function apply(text: string, { edits }: RecipeFix): string {
  return edits.reduce(
    (now, { offset, length, text: by }) => now.slice(0, offset) + by + now.slice(offset + length),
    text,
  )
}

/** The only mark of a text, and the text as its first fix leaves it. */
async function only(text: string): Promise<{ mark: string; found: RecipeDiagnostic; repaired: string | undefined }> {
  const [found, ...more] = await check(text)
  expect(more).toEqual([])
  return { mark: marked(text, found!), found: found!, repaired: found!.fixes[0] && apply(text, found!.fixes[0]) }
}

test('a recipe that fits its model has no marks', async () => {
  expect(await check(recipe({ method: 'rtn', bits: 4, groupSize: 64 }))).toEqual([])
})

test('the key of an option that does not exist is marked, and becomes the nearest one', async () => {
  const { mark, found, repaired } = await only(recipe({ method: 'rtn', bist: 4 }))
  expect(mark).toBe('"bist"')
  expect(found).toMatchObject({ severity: 'error', code: 'recipe' })
  expect(await check(repaired!)).toEqual([])
})

test('so does one of the recipe itself, with a comment before it', async () => {
  const text = recipe({ method: 'rtn' }, { sead: 1 }).replace('{', '{ // of mine\n')
  const { mark, repaired } = await only(text)
  expect(mark).toBe('"sead"')
  expect(repaired).toContain('"seed": 1')
  expect(await check(repaired!)).toEqual([])
})

test('the name of a method that does not exist becomes the nearest one', async () => {
  const { mark, repaired } = await only(recipe({ method: 'gtpq', bits: 4 }, { calibration: { text: 'none.txt' } }))
  expect(mark).toBe('"gtpq"')
  expect(repaired).toContain('"gptq"')
})

test('a choice that does not exist becomes the nearest one', async () => {
  const { mark, repaired } = await only(recipe({ method: 'rtn', range: 'mze' }))
  expect(mark).toBe('"mze"')
  expect(await check(repaired!)).toEqual([])
})

test('a value out of its range is marked, and nothing is offered for it', async () => {
  const { mark, found } = await only(recipe({ method: 'rtn', groupSize: 1.5 }))
  expect(mark).toBe('1.5')
  expect(found.fixes).toEqual([])
})

test('what is missing is marked at what lacks it', async () => {
  const text = '{ "version": 1 }'
  expect(await only(text)).toMatchObject({ mark: '{', found: { severity: 'error' } })
})

test.each([
  ['a target that matches nothing', { targets: ['self_attn.*', 'mlp.upp_proj'] }, '"mlp.upp_proj"', '"mlp.up_proj"'],
  [
    'one that is taken out and matches nothing',
    { targets: ['*', '!mlp.dwn_proj'] },
    '"!mlp.dwn_proj"',
    '"!mlp.down_proj"',
  ],
] as const)('%s is marked, and becomes the nearest layer', async (_, more, mark, repair) => {
  const { mark: at, repaired } = await only(recipe({ method: 'rtn', bits: 4, ...more }))
  expect(at).toBe(mark)
  expect(repaired).toContain(repair)
  expect(await check(repaired!)).toEqual([])
})

test('a name that protects nothing is marked', async () => {
  const { mark, repaired } = await only(recipe({ method: 'rtn' }, { protect: ['mlp.up_proj', 'self_attn.qproj'] }))
  expect(mark).toBe('"self_attn.qproj"')
  expect(await check(repaired!)).toEqual([])
})

test('blocks that the model does not have are marked', async () => {
  expect((await only(recipe({ method: 'rtn', blocks: '0-9' }))).mark).toBe('"0-9"')
})

test('a transform that nothing follows is marked at its name', async () => {
  expect((await only(recipe({ method: 'awq' }))).mark).toBe('"awq"')
})

test('an option that the output cannot hold is marked where it stands', async () => {
  const text = recipe(
    { method: 'gptq', bits: 3 },
    { output: { format: 'gguf:Q4_0' }, calibration: { text: 'none.txt' } },
  )
  expect((await only(text)).mark).toBe('3')
})

test('groups that do not divide are a warning; the largest size that does is offered', async () => {
  // 256 and 768 inputs.
  const { mark, found, repaired } = await only(recipe({ method: 'rtn', bits: 4, groupSize: 100 }))
  expect(mark).toBe('100')
  expect(found).toMatchObject({ severity: 'warning', code: 'group-size' })
  expect(repaired).toContain('"groupSize": 64')
  expect(await check(repaired!)).toEqual([])
})

test('each step has its own warning, and targets count', async () => {
  const steps = [
    { method: 'rtn', bits: 4, groupSize: 96, targets: ['mlp.down_proj'] },
    { method: 'rtn', bits: 4, groupSize: 80, targets: ['self_attn.*'] },
  ]
  const text = JSON.stringify({ version: 1, model: 'model', steps })
  const found = await check(text)
  // 96 divides the 768 inputs of the first; 80 does not divide the 256 of the others.
  expect(found.map(one => marked(text, one))).toEqual(['80'])
})

test('a model that is not there is marked where it is named', async () => {
  const { mark, found } = await only(recipe({ method: 'rtn' }).replace('"model"\u003a "model"', '"model": "mdel"'))
  expect(mark).toBe('"mdel"')
  expect(found.severity).toBe('error')
})

test('a method that must see text says so when there is none', async () => {
  const { found } = await only(recipe({ method: 'gptq', bits: 4 }))
  expect(found).toMatchObject({ code: 'calibration', severity: 'error' })
})

test('what is no JSON yet is left to the editor, and so is what is no recipe at all by its size', async () => {
  expect(await check('{ "version": ')).toEqual([])
  expect(await check(' '.repeat(2 ** 20 + 1))).toEqual([])
})

test('a model whose result finds no room on the disk is marked', async () => {
  const { bavail, bsize } = await statfs(folder)
  const [hidden, inner] = [16_384, 65_536]
  const layers = Math.ceil((bavail * bsize) / (4 * hidden * (4 * hidden + 3 * inner))) + 1
  const matrices = (layer: number) =>
    [
      ...['q', 'k', 'v', 'o'].map(name => ({ name: `self_attn.${name}_proj`, shape: [hidden, hidden] })),
      ...['gate', 'up'].map(name => ({ name: `mlp.${name}_proj`, shape: [inner, hidden] })),
      { name: 'mlp.down_proj', shape: [hidden, inner] },
      ...['input', 'post_attention'].map(name => ({ name: `${name}_layernorm`, shape: [hidden] })),
    ].map(({ name, shape }) => ({ name: `model.layers.${layer}.${name}.weight`, shape }))
  mkdirSync(join(folder, 'huge'))
  writeFileSync(
    join(folder, 'huge/config.json'),
    JSON.stringify({
      model_type: 'llama',
      hidden_size: hidden,
      intermediate_size: inner,
      num_hidden_layers: layers,
      num_attention_heads: 128,
      num_key_value_heads: 128,
      vocab_size: 256,
      max_position_embeddings: 512,
      rms_norm_eps: 1e-5,
      tie_word_embeddings: true,
    }),
  )
  await writeHollow(join(folder, 'huge/model.safetensors'), [
    { name: 'model.embed_tokens.weight', shape: [256, hidden] },
    { name: 'model.norm.weight', shape: [hidden] },
    ...Array.from({ length: layers }, (_, layer) => matrices(layer)).flat(),
  ])
  const { mark, found } = await only(
    recipe({ method: 'rtn', bits: 4, targets: ['model.layers.0.self_attn.q_proj'] }, { model: 'huge' }),
  )
  expect(mark).toBe('"huge"')
  expect(found).toMatchObject({ severity: 'error', code: 'disk-space' })
  expect(found.message).toMatch(/needs about \d+ MB of disk and \d+ MB are free/)
})
