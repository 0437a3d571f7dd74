import { parseRecipeText } from './document.ts'
import { showPath } from './issues.ts'
import { validate } from './parse.ts'
import type { Recipe } from './recipe.ts'

/**
 * A recipe from its text; JSON with comments or YAML, by the name of the file.
 * @throws SinterError `recipe` with file, line and key, what was expected and what came
 */
export function parseRecipe(text: string, name: string): Recipe {
  const document = parseRecipeText(text, name)
  return validate(document.value, ({ path, message }) => {
    const key = showPath(path)
    return `${name}:${document.lineOf(path)}: ${key ? `${key}: ` : ''}${message}`
  })
}
