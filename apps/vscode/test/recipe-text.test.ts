import { posix } from 'node:path'
import { checkRecipe, type RecipeInput } from '@sinter/engine'
import fc from 'fast-check'
import { parse } from 'jsonc-parser'
import { expect, test } from 'vitest'
import { recipeService } from '../src/engine/recipe-service.ts'
import { recipeText, relativePath } from '../src/shared/recipe-text.ts'
import { showBytes, showDuration } from '../src/shared/units.ts'

test('every preset, given a model, is a recipe that names it', async () => {
  const presets = await recipeService.presets()
  expect(presets.length).toBeGreaterThan(3)
  for (const { text } of presets) {
    const recipe = checkRecipe(parse(recipeText(text, 'a "b"')) as RecipeInput)
    expect(recipe.model).toBe('a "b"')
  }
})

test('relative paths are those of the system', () => {
  const path = fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 4 }).map(parts => `/${parts.join('/')}`)
  fc.assert(fc.property(path, path, (from, to) => relativePath(from, to) === (posix.relative(from, to) || '.')))
})

test('amounts are short', () => {
  expect([0, 999, 1000, 1_250_000, 123_456_789, 4e12].map(showBytes)).toEqual([
    '0 B',
    '999 B',
    '1.0 kB',
    '1.3 MB',
    '123 MB',
    '4.0 TB',
  ])
  expect([0.2, 59, 90, 3600, 4200].map(showDuration)).toEqual(['1 s', '59 s', '2 min', '1 h', '1 h 10 min'])
})
