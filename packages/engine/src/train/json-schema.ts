import { optimizers } from '@sinter/model'
import { z } from 'zod'
import { optionFields } from '../registry/methods.ts'
import { trainMethods } from '../registry/train-methods.ts'
import { dataFree } from './check-recipe.ts'
import { lossForms, teacherForms } from './teacher-recipe.ts'
import { trainRecipeFields } from './train-schema.ts'

/**
 * The training recipe as JSON Schema (2020-12) for editors: every method and optimizer with its own options. Generated; a test
 * compares `schema/train.schema.json` with it.
 */
export function trainJsonSchema(): Record<string, unknown> {
  const { method, optimizer, backbone, teacher, loss } = trainRecipeFields
  const recipe = z.strictObject({
    ...trainRecipeFields,
    method: choice('name', trainMethods).describe(method!.description!),
    optimizer: choice('name', optimizers).default({ name: 'adamw' }).describe(optimizer!.description!),
    teacher: z.union(teacherForms).optional().describe(teacher!.description!),
    loss: z.union(lossForms).optional().describe(loss!.description!),
    backbone: choice('method', dataFree).optional().describe(backbone!.description!),
  })
  const schema = z.toJSONSchema(recipe, { io: 'input', target: 'draft-2020-12' })
  return { ...schema, title: 'Sinter training recipe', description: 'How a language model is trained.' }
}

interface Choice {
  readonly name: string
  readonly title?: string
  readonly paper?: string
  readonly options: z.ZodType
}

/** One object a name, told apart by `key`, in the order of the names: that of a package's table is its loader's. */
function choice(key: string, choices: readonly Choice[]) {
  const objects = choices
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map(one =>
      z
        .strictObject({ [key]: z.literal(one.name), ...optionFields(one) })
        .describe([one.title ?? one.name, one.paper && `(${one.paper})`].filter(Boolean).join(' ')),
    )
  const [first, ...rest] = objects
  if (!first) throw new TypeError(`nothing is registered that could be a ${key}`)
  return z.discriminatedUnion(key, [first, ...rest])
}
