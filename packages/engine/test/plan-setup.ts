import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Model, openModel, SinterError } from '@sinter/model'
import { afterAll, expect } from 'vitest'
import type { Plan } from '../src/plan/plan.ts'
import { type ResolveOptions, resolvePlan } from '../src/plan/resolve.ts'
import { checkRecipe } from '../src/recipe/parse.ts'
import type { RecipeInput, RecipeStep } from '../src/recipe/recipe.ts'

export const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
export const families: string = here('../../model/test/fixtures/families')
export const demoPath: string = here('../../../apps/cli/assets/demo-model')

export const demo: Model = await openModel(demoPath)
export const folder: string = await mkdtemp(join(tmpdir(), 'sinter-plan-'))
export const words: string = join(folder, 'words.txt')
await writeFile(words, 'Anna took the red apple to the garden. '.repeat(800))
afterAll(async () => {
  await demo.close()
  await rm(folder, { recursive: true, force: true })
})

export const rtn: RecipeStep = { method: 'rtn' }

export function plan(
  steps: readonly RecipeStep[],
  rest: Partial<RecipeInput> = {},
  options: ResolveOptions = {},
  model: Model = demo,
): Promise<Plan> {
  return resolvePlan(model, checkRecipe({ version: 1, steps, ...rest }), options)
}

export async function refusal(work: Promise<unknown>): Promise<SinterError> {
  const error = await work.then(
    () => undefined,
    (error: unknown) => error,
  )
  expect(error).toBeInstanceOf(SinterError)
  return error as SinterError
}

export const compressed = ({ rows }: Plan): string[] =>
  rows.filter(row => row.action === 'compress').map(row => row.tensor)
