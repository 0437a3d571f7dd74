import { parseRecipeText, sayWithLine } from './document.ts'
import { validate } from './parse.ts'
import type { Recipe } from './recipe.ts'

/**
 * A recipe from its text; JSON with comments or YAML, by the name of the file.
 * @throws SinterError `recipe` with file, line and key, what was expected and what came
 */
export function parseRecipe(text: string, name: string): Recipe {
  const document = parseRecipeText(text, name)
  return validate(document.value, sayWithLine(document, name))
}
