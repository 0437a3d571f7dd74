import { optimizers, SinterError } from '@sinter/model'
import { z } from 'zod'
import { type Complaint, complaints, showPath } from '../recipe/issues.ts'
import { parseSafely } from '../recipe/parse-safely.ts'
import { formatSchema } from '../recipe/schema.ts'
import { methods, optionFields, unknownNameMessage } from '../registry/methods.ts'
import { trainMethods } from '../registry/train-methods.ts'
import {
  cachedTeacherSchema,
  isServer,
  lossSchemaFor,
  serverTeacherSchema,
  type TeacherRecipe,
} from './teacher-recipe.ts'
import type { TrainRecipe, TrainRecipeInput } from './train-recipe.ts'
import { trainRecipeFields, trainRecipeSchema } from './train-schema.ts'
import { adapterFormatProblem } from './write-adapter.ts'

/** A training recipe made in code. @throws SinterError `recipe` that says every thing that is wrong, and where */
export function checkTrainRecipe(recipe: TrainRecipeInput): TrainRecipe {
  return validateTrainRecipe(recipe, ({ path, message }) => {
    const key = showPath(path)
    return `recipe: ${key ? `${key}: ` : ''}${message}`
  })
}

/** @param place puts a complaint into words, with where it stands */
export function validateTrainRecipe(value: unknown, place: (complaint: Complaint) => string): TrainRecipe {
  const refuse = (found: readonly Complaint[]) => new SinterError('recipe', found.map(place).join('\n'))
  if (isObject(value) && Array.isArray(value.steps)) throw refuse([{ path: ['steps'], message: forCompress }])
  const result = parseSafely(trainRecipeSchema, value)
  const found = result.success ? [] : complaints(result.error.issues, value, knownKeys)
  const all = isObject(value)
    ? [...found, ...checkNamed(value), ...checkTeacher(value), ...checkTogether(value)]
    : found
  if (!result.success || all.length > 0) throw refuse(all)
  return result.data
}

const forCompress =
  'a list of steps is a recipe of sinter compress; a training recipe has method, data, and a number of steps'

type Values = Readonly<Record<string, unknown>>

const isObject = (value: unknown): value is Values => typeof value === 'object' && value !== null

/** Keys that the object at a path may have. */
function knownKeys(path: readonly PropertyKey[]): readonly string[] {
  if (path.length === 0) return Object.keys(trainRecipeFields)
  let section = trainRecipeFields[String(path[0])]
  while (section instanceof z.ZodOptional || section instanceof z.ZodDefault) section = section.unwrap() as z.ZodType
  return section instanceof z.ZodObject ? Object.keys(section.shape) : []
}

interface Choice {
  readonly name: string
  readonly options: z.ZodType
  needs?(options: never): readonly unknown[]
}

/** Options of everything that a recipe names, whatever else is wrong. */
const checkNamed = (value: Values): Complaint[] => [
  ...checkOptions(value, 'method', 'name', 'training method', trainMethods),
  ...checkOptions(value, 'optimizer', 'name', 'optimizer', optimizers),
  ...checkOptions(value, 'backbone', 'method', 'method', dataFree),
]

/** Methods that round without looking at activations: with their defaults they need none. */
export const dataFree: readonly Choice[] = methods.filter(
  method => method.kind === 'weight' && method.needs(method.options.parse({})).length === 0,
)

function checkOptions(
  value: Values,
  section: string,
  key: string,
  what: string,
  choices: readonly Choice[],
): Complaint[] {
  const part = value[section]
  if (!isObject(part) || typeof part[key] !== 'string') return []
  const { [key]: name, ...options } = part
  const chosen = choices.find(choice => choice.name === name)
  if (!chosen) return [{ path: [section, key], message: unknownChoice(what, String(name), choices) }]
  const result = parseSafely(chosen.options, options)
  if (!result.success) {
    const known = [key, ...Object.keys(optionFields(chosen))]
    return complaints(result.error.issues, options, () => known).map(({ path, message }) => ({
      path: [section, ...path],
      message,
    }))
  }
  if (choices !== dataFree || chosen.needs?.(result.data as never).length === 0) return []
  return [{ path: [section], message: `with these options ${name} looks at activations; choose others` }]
}

function unknownChoice(what: string, name: string, choices: readonly Choice[]): string {
  const known = choices.map(choice => choice.name)
  if (choices === dataFree && methods.some(method => method.name === name))
    return `${name} cannot round a backbone, for it looks at activations or rounds nothing; choose ${known.join(', ')}`
  return unknownNameMessage(what, name, known)
}

/** A teacher that is an object by the schema of its kind, and the loss by what such a teacher can tell. */
function checkTeacher({ teacher, loss, features }: Values): Complaint[] {
  if (teacher === undefined) return []
  const found: Complaint[] = []
  if (isObject(teacher) && !Array.isArray(teacher)) {
    const schema = (isServer(teacher) ? serverTeacherSchema : cachedTeacherSchema) as unknown as z.ZodObject
    found.push(...checkPart(teacher, 'teacher', schema, Object.keys(schema.shape)))
  }
  if (loss !== undefined) {
    const { schema, keys } = lossSchemaFor(teacher as TeacherRecipe)
    found.push(...checkPart(loss, 'loss', schema, keys))
    if (
      isObject(loss) &&
      Array.isArray(teacher) &&
      Array.isArray(loss.weights) &&
      loss.weights.length !== teacher.length
    )
      found.push({
        path: ['loss', 'weights'],
        message: `${loss.weights.length} weights for ${teacher.length} teachers; give one for each`,
      })
  }
  if (features !== undefined && typeof teacher !== 'string')
    found.push({
      path: ['features'],
      message: 'looks inside a teacher, which must be one model that runs beside the student',
    })
  return found
}

function checkPart(value: unknown, section: string, schema: z.ZodType, keys: readonly string[]): Complaint[] {
  const result = parseSafely(schema, value)
  if (result.success) return []
  return complaints(result.error.issues, value, () => keys).map(({ path, message }) => ({
    path: [section, ...path],
    message,
  }))
}

function checkTogether({ steps, epochs, loss, features, teacher, output }: Values): Complaint[] {
  const found: Complaint[] = []
  if (steps === undefined && epochs === undefined)
    found.push({ path: [], message: 'how long? Give either steps or epochs' })
  if (steps !== undefined && epochs !== undefined)
    found.push({ path: ['epochs'], message: 'give either steps or epochs, not both' })
  if (loss !== undefined && teacher === undefined)
    found.push({ path: ['loss'], message: 'speaks of a teacher, but there is none; name it: teacher' })
  if (features !== undefined && teacher === undefined)
    found.push({ path: ['features'], message: 'speaks of a teacher, but there is none; name it: teacher' })
  if (isObject(output) && output.adapterOnly === true && typeof output.format === 'string') {
    const problem = formatSchema.safeParse(output.format).success && adapterFormatProblem(output.format)
    if (problem) found.push({ path: ['output', 'format'], message: problem })
  }
  return found
}
