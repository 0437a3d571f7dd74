import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { nearestName, SinterError } from '@sinter/model'
import { z } from 'zod'
import { findMethod, methods, optionFields } from '../registry/methods.ts'
import { type Complaint, complaints, showPath } from './issues.ts'
import { parseSafely } from './parse-safely.ts'
import type { Recipe, RecipeInput } from './recipe.ts'
import { recipeFields, recipeSchema, targetFields } from './schema.ts'

/** A recipe made in code, checked like one from a file. @throws SinterError `recipe` */
export function checkRecipe(recipe: RecipeInput): Recipe {
  return validate(recipe, ({ path, message }) => `recipe: ${showPath(path)}: ${message}`)
}

/**
 * A recipe file. Its paths are relative to its folder. The parsers of YAML and JSON are loaded only here: they are a tenth of
 * what a command starts with, and most commands name a method or a preset.
 * @throws SinterError `recipe`; ENOENT when there is no such file
 */
export async function loadRecipe(path: string): Promise<Recipe> {
  const { parseRecipe } = await import('./parse-text.ts')
  return placeRecipe(parseRecipe(await readFile(path, 'utf8'), path), dirname(resolve(path)))
}

/** A recipe with its paths made absolute, which are relative to a folder. */
export function placeRecipe(recipe: Recipe, folder: string): Recipe {
  const placed = <T extends { text?: string | undefined }>(part: T): T =>
    part.text === undefined ? part : { ...part, text: resolve(folder, part.text) }
  return {
    ...recipe,
    ...(recipe.model !== undefined && { model: resolve(folder, recipe.model) }),
    ...(recipe.calibration && { calibration: placed(recipe.calibration) }),
    ...(recipe.evaluate && { evaluate: placed(recipe.evaluate) }),
  }
}

/** @param place puts a complaint into words, with where it stands */
export function validate(value: unknown, place: (complaint: Complaint) => string): Recipe {
  const { recipe, found } = examine(value)
  if (!recipe) throw new SinterError('recipe', found.map(place).join('\n'))
  return recipe
}

/** A recipe, or all that is wrong with it. */
export function examine(value: unknown): { readonly recipe?: Recipe; readonly found: readonly Complaint[] } {
  const result = parseSafely(recipeSchema, value)
  const found = [...(result.success ? [] : complaints(result.error.issues, value, knownKeys)), ...checkSteps(value)]
  return { found, ...(result.success && found.length === 0 && { recipe: result.data }) }
}

/** All that is wrong with a recipe that was read, as data: editors mark each where it stands. */
export const recipeComplaints = (value: unknown): readonly Complaint[] => examine(value).found

/** Keys that the object at a path may have. */
function knownKeys(path: readonly PropertyKey[]): readonly string[] {
  if (path.length === 0) return Object.keys(recipeFields)
  const section = recipeFields[String(path[0])]
  const inner = section instanceof z.ZodOptional ? section.unwrap() : section
  return inner instanceof z.ZodObject ? Object.keys(inner.shape) : []
}

/** Options of every step that has a method's name, whatever else is wrong. */
function checkSteps(value: unknown): Complaint[] {
  const steps = isObject(value) ? value.steps : undefined
  if (!Array.isArray(steps)) return []
  return steps.flatMap((step: unknown, i) =>
    isObject(step) && typeof step.method === 'string' ? checkStep(step, i) : [],
  )
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

function checkStep(step: Readonly<Record<string, unknown>>, index: number): Complaint[] {
  const path = ['steps', index]
  const names = methods.map(method => method.name)
  const name = String(step.method)
  if (!names.includes(name)) {
    const nearest = nearestName(name, names)
    const message = `unknown method ${JSON.stringify(name)}; did you mean ${nearest}? Known: ${names.join(', ')}`
    return [{ path: [...path, 'method'], message, instead: nearest ? { of: 'value', name: nearest } : undefined }]
  }
  const method = findMethod(name)
  const result = parseSafely(method.options, optionsOf(step))
  if (result.success) return []
  const known = ['method', ...Object.keys(targetFields), ...Object.keys(optionFields(method))]
  return complaints(result.error.issues, step, () => known).map(complaint => ({
    ...complaint,
    path: [...path, ...complaint.path],
  }))
}

/** What of a step the method's own schema speaks of. */
export function optionsOf(step: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { method: _method, targets: _targets, blocks: _blocks, ...options } = step
  return options
}
