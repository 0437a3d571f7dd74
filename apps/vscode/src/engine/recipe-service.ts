import { checkRecipe, formatPlan, presets, type RecipeInput } from '@sinter/engine'
import { parse } from 'jsonc-parser'
import type { RecipeService } from '../shared/recipe-checker.ts'
import { planRecipe } from './plan-recipe.ts'
import { recipeChecker } from './recipe-checker.ts'

/** What the editor of recipes asks for. */
export const recipeService: RecipeService = {
  ...recipeChecker,
  async plan(text, path, limits) {
    const recipe = checkRecipe(parse(text, [], { allowTrailingComma: true }) as RecipeInput)
    const plan = await planRecipe(recipe, path, limits)
    const { seconds, memoryBytes, outputBytes, diskBytes } = plan.estimate
    return { text: formatPlan(plan, {}), seconds, memoryBytes, outputBytes, diskBytes }
  },
  async presets() {
    return presets.map(({ name, title, recipe }) => ({
      name,
      title,
      text: `// ${title}\n${JSON.stringify(recipe, null, 2)}\n`,
    }))
  },
}
