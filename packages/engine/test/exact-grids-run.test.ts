import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { findMix, mixFactsOf, openGguf, openModel, planGguf, typesOfMix } from '@sinter/model'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { compress } from '../src/index.ts'
import { resolvePlan } from '../src/plan/resolve.ts'
import { checkRecipe } from '../src/recipe/parse.ts'
import type { RecipeStep } from '../src/recipe/recipe.ts'

const path = fileURLToPath(new URL('../../../apps/cli/assets/demo-model', import.meta.url))
const folder = await mkdtemp(join(tmpdir(), 'sinter-exact-'))
const text = join(folder, 'text.txt')

beforeAll(() =>
  writeFile(text, 'Anna took the red apple to the garden, and Ben ate it under the old tree. '.repeat(300)),
)
afterAll(() => rm(folder, { recursive: true, force: true }))

async function run(step: RecipeStep, format: string, out: string): Promise<string> {
  const model = await openModel(path)
  const calibration = { text, samples: 2, length: 64 }
  const recipe = checkRecipe({ version: 1, steps: [step], calibration, output: { format } })
  const plan = await resolvePlan(model, recipe, { threads: 1 })
  await model.close()
  for await (const _ of compress(plan, { out: join(folder, out) }));
  return join(folder, out)
}

test('compressed for a mix: types are those of the preset, values those that the method left', async () => {
  const file = await run({ method: 'gptq' }, 'gguf:Q3_K_S', 'ours.gguf')
  // All matrices of the blocks are Q3_K there: the same run into a dense folder shows what the codes stand for.
  const dense = await openModel(await run({ method: 'gptq', encoding: 'Q3_K' }, 'hf:f32', 'dense'))
  const model = await openModel(path)
  const gguf = await openGguf(file)
  const { tensors, metadata } = planGguf(model.configFile, model.source)
  const types = typesOfMix(findMix('Q3_K_S')!.mix, tensors, mixFactsOf(metadata), false)
  let compressed = 0
  for (const [i, { name, from, layout }] of tensors.entries()) {
    expect([name, gguf.info(name).encoding]).toEqual([name, types[i]!.type ?? 'F32'])
    if (types[i]!.type !== 'Q3_K') continue
    const [stored, expected] = [await gguf.read(name), await dense.source.read(from)]
    const cols = stored.shape[1]!
    const rows = layout.rowOrder ?? Int32Array.from({ length: stored.shape[0]! }, (_, row) => row)
    for (const [row, original] of rows.entries()) {
      const values = (t: typeof stored, r: number) =>
        Array.from(t.data.subarray(r * cols, (r + 1) * cols) as Float32Array)
      expect(values(stored, row).map(v => v + 0)).toEqual(values(expected, original))
    }
    compressed++
  }
  expect(compressed).toBe(7 * model.blocks)
  await Promise.all([gguf.close(), dense.close(), model.close()])
}, 120_000)
