import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { mapTeacherPaths } from './teacher-recipe.ts'
import type { TrainRecipe } from './train-recipe.ts'

/**
 * A training recipe from a file, JSON with comments or YAML. Its paths are relative to its folder.
 * @throws SinterError `recipe` with file, line and key; ENOENT when there is no such file
 */
export async function loadTrainRecipe(path: string): Promise<TrainRecipe> {
  // The parsers are loaded only here, as those of other recipes are.
  const { parseTrainRecipe } = await import('./parse-text.ts')
  const recipe = parseTrainRecipe(await readFile(path, 'utf8'), path)
  const here = (place: string) => resolve(dirname(resolve(path)), place)
  const { model, teacher, data } = recipe
  return {
    ...recipe,
    ...(model !== undefined && { model: here(model) }),
    ...(teacher !== undefined && { teacher: mapTeacherPaths(teacher, here) }),
    data: { ...data, path: data.path === '-' ? data.path : here(data.path) },
  }
}
