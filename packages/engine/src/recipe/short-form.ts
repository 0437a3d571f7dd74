import { findMethod, optionFields } from '../registry/methods.ts'
import type { RecipeStep } from './recipe.ts'
import { targetFields } from './schema.ts'

/**
 * The steps that a method and options name on the command line. A transform changes no number of bits by itself: it is
 * followed by rounding, on an asymmetric grid where the transform's own default is one.
 * @throws SinterError `unknown-name`
 */
export function stepsOf(name: string, options: Readonly<Record<string, unknown>>): RecipeStep[] {
  const method = findMethod(name)
  if (method.kind === 'weight') return [{ ...options, method: name }]
  const defaults = method.options.parse({}) as Readonly<Record<string, unknown>>
  // Targets and blocks are for the rounding: a transform works on whole blocks. What only rounding knows is not for it either.
  const rounding = pick(options, [...Object.keys(optionFields(findMethod('rtn'))), ...Object.keys(targetFields)])
  const known = optionFields(method)
  const own = Object.fromEntries(
    Object.entries(options).filter(([key]) => Object.hasOwn(known, key) || !Object.hasOwn(rounding, key)),
  )
  const symmetric = options.symmetric ?? defaults.symmetric
  return [
    { ...own, method: name },
    { ...rounding, ...(symmetric !== undefined && { symmetric }), method: 'rtn' },
  ]
}

const pick = (options: Readonly<Record<string, unknown>>, keys: readonly string[]): Record<string, unknown> =>
  Object.fromEntries(Object.entries(options).filter(([key]) => keys.includes(key)))
