import {
  type EndpointStyleName,
  endpointStyleNames,
  type HiddenTransferOptions,
  hiddenTransferSchema,
  type MultiTeacherOptions,
  type RelationTransferOptions,
  relationTransferSchema,
  type SoftLabelOptions,
  softLabelSchema,
  type TopLabelOptions,
  topLabelSchema,
} from '@sinter/distillation'
import { z } from 'zod'

/** A model that is asked once about all rows; its best tokens are kept in a folder. */
export interface CachedTeacherRecipe {
  /** Absent: the folder must be complete already. */
  readonly model?: string | undefined
  readonly cache: string
}

/** A server; what it answers was paid for, so it is kept in a folder. */
export interface ServerTeacherRecipe {
  /** Up to and with the version: `http://localhost:8000/v1`. */
  readonly url: string
  /** As the server calls it. */
  readonly name: string
  readonly style: EndpointStyleName
  readonly cache: string
  /** Environment variable that has the key: a recipe is no place for one. */
  readonly keyVariable?: string | undefined
  readonly mostTop?: number | undefined
  readonly concurrency?: number | undefined
  readonly timeoutSeconds?: number | undefined
  readonly retries?: number | undefined
  readonly requests?: number | undefined
  readonly tokens?: number | undefined
}

/** A model that runs beside the student, several of them, or one that is asked beforehand. */
export type TeacherRecipe = string | readonly string[] | CachedTeacherRecipe | ServerTeacherRecipe

const path = z.string().min(1)
const count = (max: number) => z.int().min(1).max(max).optional()

export const cachedTeacherSchema: z.ZodType<CachedTeacherRecipe> = z.strictObject({
  model: path.optional().describe('Whose best tokens are kept; leave it out when the cache is complete.'),
  cache: path.describe('Folder for what it answers; a run that finds it goes on with it.'),
})

export const serverTeacherSchema: z.ZodType<ServerTeacherRecipe> = z.strictObject({
  url: z.url().describe('Up to and with the version: http://localhost:8000/v1'),
  name: z.string().min(1).describe('The model, as the server calls it.'),
  style: z.enum(endpointStyleNames).describe('How the server is asked about a text that is given.'),
  cache: path.describe('Folder for what it answers: nothing is asked twice.'),
  keyVariable: z
    .string()
    .regex(/^\w+$/)
    .optional()
    .describe('Environment variable with the key; the key itself has no place in a recipe.'),
  mostTop: count(8192).describe('Most alternatives a position that it gives. Default: 20.'),
  concurrency: count(256).describe('Requests at a time. Default: 4.'),
  timeoutSeconds: z.number().positive().max(3600).optional().describe('Of one attempt. Default: 60.'),
  retries: z.int().min(0).max(100).optional().describe('Attempts after the first.'),
  requests: count(1e9).describe('That may be made at most.'),
  tokens: count(1e12).describe('That may be used at most.'),
})

/** For editors. */
export const teacherForms: readonly z.ZodType[] = [
  path,
  z.array(path).min(2).max(16),
  cachedTeacherSchema,
  serverTeacherSchema,
]

/** What stands in a recipe; objects are checked by the schema of their kind, for better messages. */
export const teacherSchema: z.ZodType<TeacherRecipe> = z.union([
  path,
  z.array(path).min(2).max(16),
  z.looseObject({}) as unknown as z.ZodType<CachedTeacherRecipe>,
])

export const isServer = (teacher: object): teacher is ServerTeacherRecipe => 'url' in teacher

/** Models that a teacher is made of, in order. */
export function teacherModels(teacher: TeacherRecipe | undefined): readonly string[] {
  if (teacher === undefined) return []
  if (typeof teacher === 'string') return [teacher]
  if (isList(teacher)) return teacher
  return !isServer(teacher) && teacher.model !== undefined ? [teacher.model] : []
}

export const isList = (teacher: TeacherRecipe): teacher is readonly string[] => Array.isArray(teacher)

/** Whether only its best tokens are known. */
export const isAsked = (teacher: TeacherRecipe): teacher is CachedTeacherRecipe | ServerTeacherRecipe =>
  typeof teacher === 'object' && !isList(teacher)

/** The same recipe with other paths. */
export function mapTeacherPaths(teacher: TeacherRecipe, here: (place: string) => string): TeacherRecipe {
  if (typeof teacher === 'string') return here(teacher)
  if (isList(teacher)) return teacher.map(here)
  const cache = here(teacher.cache)
  if (isServer(teacher)) return { ...teacher, cache }
  return { ...teacher, cache, ...(teacher.model !== undefined && { model: here(teacher.model) }) }
}

/** Several teachers: how they become one. */
export const multiTeacherSchema: z.ZodType<Omit<MultiTeacherOptions, 'weights'> & Partial<MultiTeacherOptions>> = (
  softLabelSchema as unknown as z.ZodObject
).extend({
  combine: z
    .enum(['mixture', 'logits', 'losses'])
    .default('mixture')
    .describe('Mean of the distributions, of the logits, or of the divergences from each.'),
  weights: z
    .union([z.array(z.number().min(0)).min(2), z.literal('certainty')])
    .optional()
    .describe('One for each teacher, or certainty: whoever knows counts. Default: alike.'),
}) as never

/** A cache or a server tells its best tokens; 32 of them are most of what there is to know. */
export const askedSchema: z.ZodType<TopLabelOptions> = z.preprocess(
  value => (typeof value === 'object' && value !== null ? { k: 32, ...value } : value),
  topLabelSchema,
)

/** For editors. */
export const lossForms: readonly z.ZodType[] = [softLabelSchema, multiTeacherSchema, topLabelSchema]

export type LossRecipe =
  | Partial<SoftLabelOptions>
  | Partial<TopLabelOptions>
  | Partial<Omit<MultiTeacherOptions, keyof SoftLabelOptions>>

/** The schema of `loss` beside a teacher of this kind, and the keys that it has. */
export function lossSchemaFor(teacher: TeacherRecipe): {
  readonly schema: z.ZodType
  readonly keys: readonly string[]
} {
  const soft = Object.keys((softLabelSchema as unknown as z.ZodObject).shape)
  if (typeof teacher === 'string') return { schema: softLabelSchema, keys: soft }
  if (isList(teacher)) return { schema: multiTeacherSchema, keys: [...soft, 'combine', 'weights'] }
  return { schema: askedSchema, keys: ['k', 'rest', 'temperature', 'alpha'] }
}

/** What is compared inside both models, beside what they say. */
export interface FeaturesRecipe {
  readonly hidden?: HiddenTransferOptions | undefined
  readonly relations?: RelationTransferOptions | undefined
}

export const featuresSchema: z.ZodType<FeaturesRecipe> = z.strictObject({
  hidden: hiddenTransferSchema.optional().describe('Hidden states follow those of the teacher.'),
  relations: relationTransferSchema.optional().describe('How positions look at each other follows the teacher.'),
})
