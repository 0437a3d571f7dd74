import { parseRecipeText, sayWithLine } from '../recipe/document.ts'
import { validateTrainRecipe } from './check-recipe.ts'
import type { TrainRecipe } from './train-recipe.ts'

/**
 * A training recipe from its text; JSON with comments or YAML, by the name of the file.
 * @throws SinterError `recipe` with file, line and key, what was expected and what came
 */
export function parseTrainRecipe(text: string, name: string): TrainRecipe {
  const document = parseRecipeText(text, name)
  return validateTrainRecipe(document.value, sayWithLine(document, name))
}
