import { z } from 'zod'
import { methods, optionFields } from '../registry/methods.ts'
import { recipeFields, targetFields } from './schema.ts'

/**
 * The recipe as JSON Schema (2020-12) for editors: every method with its own options. Generated; a test compares
 * `schema/recipe.schema.json` with it.
 */
export function recipeJsonSchema(): Record<string, unknown> {
  // In the order of the names: that of a package's table is its loader's.
  const steps = methods
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map(method =>
      z
        .strictObject({ method: z.literal(method.name), ...targetFields, ...optionFields(method) })
        .describe(`${method.title} (${method.paper})`),
    )
  const [first, ...rest] = steps
  if (!first) throw new TypeError('no method is registered')
  const recipe = z.strictObject({
    ...recipeFields,
    steps: z
      .array(z.discriminatedUnion('method', [first, ...rest]))
      .min(1)
      .describe('What happens, in order.'),
  })
  const schema = z.toJSONSchema(recipe, { io: 'input', target: 'draft-2020-12' })
  return { ...schema, title: 'Sinter recipe', description: 'What is done to a language model to make it smaller.' }
}
