import { dirname, resolve } from 'node:path'
import { type Plan, type Recipe, resolvePlan } from '@sinter/engine'
import { openModel, SinterError } from '@sinter/model'
import type { Limits } from '../shared/recipe-checker.ts'

/**
 * The plan of a recipe for the model that it names.
 * @param path of the recipe's file
 * @throws SinterError or FormatError as `resolvePlan` and `openModel` do
 */
export async function planRecipe(recipe: Recipe, path: string, { threads, memory }: Limits = {}): Promise<Plan> {
  if (recipe.model === undefined)
    throw new SinterError('recipe', `${path}: names no model; add "model": a folder or file, relative to the recipe`)
  const folder = dirname(path)
  const model = await openModel(resolve(folder, recipe.model))
  const text = recipe.calibration?.text
  try {
    const calibrationText = text === undefined ? undefined : resolve(folder, text)
    return await resolvePlan(model, recipe, { calibrationText, threads, memoryBudget: memory })
  } finally {
    await model.close()
  }
}
