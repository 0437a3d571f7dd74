import { type DataFormat, nearestName, type Optimizer, optimizers, type Schedule, SinterError, scheduleSchema, type TrainMethod, type WeightMethod } from '@sinter/model'
import { type SoftLabelOptions, softLabelSchema } from '@sinter/distillation'
import { z } from 'zod'
import { complaints, showPath } from '../recipe/issues.ts'
import { parseFormat } from '../registry/formats.ts'
import { findMethod } from '../registry/methods.ts'
import { findTrainMethod } from '../registry/train-methods.ts'

// A million of anything is more than any run here can do; the ceilings catch slips of the keyboard.
const count = (max = 1_000_000) => z.int().min(1).max(max)

const data = z.strictObject({
  path: z.string().min(1).describe('A file, a folder, or - for standard input.'),
  format: z
    .enum(['text', 'jsonl', 'chat', 'prompt-completion'])
    .optional()
    .describe('Default: by the name and first line of each file.'),
  separator: z.string().optional().describe('Text: the line between two documents.'),
  textField: z.string().min(1).optional().describe('Default: text.'),
  promptField: z.string().min(1).optional().describe('Default: prompt.'),
  completionField: z.string().min(1).optional().describe('Default: completion.'),
  skipEmpty: z.boolean().optional().describe('Leave documents out that have nothing to learn.'),
  length: count(131072).default(512).describe('Tokens of a row.'),
  packing: z.boolean().default(true).describe('Several documents in a row; attention stays in its own.'),
  heldOut: z.number().min(0).lt(1).default(0.02).describe('Share of the documents that the loss is looked at on; 0: none.'),
  heldOutRows: count(10_000).default(32).describe('Rows of them at most.'),
})

const named = z.looseObject({ name: z.string().min(1) })

const fields = {
  $schema: z.string().optional(),
  version: z.literal(1).describe('Version of the recipe format.'),
  model: z.string().min(1).optional().describe('What is trained: folder, .safetensors or .gguf, relative to the recipe.'),
  method: named.describe('What moves: a training method and its options.'),
  backbone: z
    .looseObject({ method: z.string().min(1) })
    .optional()
    .describe('Rounds the frozen matrices first, by a method that needs no data: { method: nf4 } under lora is QLoRA.'),
  teacher: z.string().min(1).optional().describe('A model to learn from, with the same tokenizer.'),
  loss: softLabelSchema.optional().describe('How to learn from the teacher.'),
  data,
  optimizer: named.default({ name: 'adamw' }).describe('And its options.'),
  learningRate: z.number().positive().max(10).default(1e-4),
  schedule: scheduleSchema.default({ name: 'cosine', warmup: 0.03, cycles: 0.5, minimum: 0 } as Schedule),
  steps: count().optional().describe('Optimizer steps; or give epochs.'),
  epochs: z.number().positive().max(1000).optional(),
  batch: count(4096).default(8).describe('Rows of a forward pass.'),
  accumulate: count(4096).default(1).describe('Forward passes of a step.'),
  clip: z.number().min(0).default(1).describe('Largest norm of all gradients; 0: not clipped.'),
  evaluateEvery: count().optional().describe('Steps between looks at the held-out loss. Default: a tenth of the run.'),
  patience: count().optional().describe('Looks without a lower held-out loss after which training ends.'),
  saveEvery: count().optional().describe('Steps between checkpoints. Default: a twentieth of the run.'),
  seed: z.int().min(0).default(0),
  output: z
    .strictObject({
      format: z.string().default('hf').describe('hf, hf:bf16, gguf:TYPE; of the whole model.'),
    })
    .default({ format: 'hf' }),
}

export interface TrainDataRecipe {
  readonly path: string
  readonly format?: DataFormat | undefined
  readonly separator?: string | undefined
  readonly textField?: string | undefined
  readonly promptField?: string | undefined
  readonly completionField?: string | undefined
  readonly skipEmpty?: boolean | undefined
  readonly length: number
  readonly packing: boolean
  readonly heldOut: number
  readonly heldOutRows: number
}

/** A name and its options, checked by the schema of what is named. */
export interface Named {
  readonly name: string
  readonly [option: string]: unknown
}

/** A training run, with the defaults filled in. */
export interface TrainRecipe {
  readonly version: 1
  readonly model?: string | undefined
  readonly method: Named
  readonly backbone?: { readonly method: string; readonly [option: string]: unknown } | undefined
  readonly teacher?: string | undefined
  readonly loss?: SoftLabelOptions | undefined
  readonly data: TrainDataRecipe
  readonly optimizer: Named
  readonly learningRate: number
  readonly schedule: Schedule
  readonly steps?: number | undefined
  readonly epochs?: number | undefined
  readonly batch: number
  readonly accumulate: number
  readonly clip: number
  readonly evaluateEvery?: number | undefined
  readonly patience?: number | undefined
  readonly saveEvery?: number | undefined
  readonly seed: number
  readonly output: { readonly format: string }
}

/** As written: what has a default may be left out. */
export interface TrainRecipeInput
  extends Partial<Omit<TrainRecipe, 'version' | 'method' | 'data' | 'loss'>>,
    Pick<TrainRecipe, 'version' | 'method'> {
  readonly data: Partial<TrainDataRecipe> & Pick<TrainDataRecipe, 'path'>
  readonly loss?: Partial<SoftLabelOptions> | undefined
}

const schema: z.ZodType<TrainRecipe> = z.strictObject(fields)

export const trainRecipeFields: Readonly<Record<string, z.ZodType>> = fields

/** @throws SinterError `recipe` that says every thing that is wrong, and where */
export function checkTrainRecipe(value: unknown): TrainRecipe {
  const result = schema.safeParse(value)
  if (!result.success) {
    const known = (path: readonly PropertyKey[]) => Object.keys(path[0] === 'data' ? data.shape : fields)
    const found = complaints(result.error.issues, value, known)
    throw new SinterError('recipe', found.map(({ path, message }) => `recipe: ${showPath(path)}: ${message}`).join('\n'))
  }
  const recipe = result.data
  if ((recipe.steps === undefined) === (recipe.epochs === undefined))
    throw new SinterError('recipe', 'recipe: give either steps or epochs')
  if (recipe.loss && recipe.teacher === undefined)
    throw new SinterError('recipe', 'recipe: loss speaks of a teacher, but there is none; name it: teacher')
  parseFormat(recipe.output.format)
  methodOf(recipe)
  backboneOf(recipe)
  optimizerFor(recipe)
  return recipe
}

/** The training method with its options filled in. @throws SinterError */
export function methodOf({ method: { name, ...options } }: TrainRecipe): { method: TrainMethod; options: unknown } {
  const method = findTrainMethod(name)
  return { method, options: checked(method.options, options, `method ${name}`) }
}

/** The method that rounds the frozen matrices, if there is one. @throws SinterError */
export function backboneOf({ backbone }: TrainRecipe): { method: WeightMethod; options: unknown } | undefined {
  if (!backbone) return undefined
  const { method: name, ...options } = backbone
  const method = findMethod(name)
  const all = checked(method.options, options, `backbone ${name}`)
  if (method.kind !== 'weight' || method.needs(all).length > 0)
    throw new SinterError('recipe', `backbone: ${name} looks at activations; choose a method that needs no data (nf4, rtn)`)
  return { method, options: all }
}

/** @throws SinterError */
export function optimizerFor({ optimizer: { name, ...options } }: TrainRecipe): {
  optimizer: Optimizer
  options: Record<string, unknown>
} {
  const found = optimizers.find(candidate => candidate.name === name)
  const names = optimizers.map(candidate => candidate.name)
  if (!found)
    throw new SinterError('unknown-name', `unknown optimizer ${JSON.stringify(name)}; did you mean ${nearestName(name, names)}? Known: ${names.join(', ')}`)
  return { optimizer: found, options: checked(found.options, options, `optimizer ${name}`) as Record<string, unknown> }
}

function checked(type: z.ZodType, value: unknown, where: string): unknown {
  const result = type.safeParse(value)
  if (result.success) return result.data
  const known = type instanceof z.ZodObject ? Object.keys(type.shape) : []
  const found = complaints(result.error.issues, value, () => known)
  throw new SinterError('recipe', found.map(({ path, message }) => `recipe: ${where}: ${showPath(path)}: ${message}`).join('\n'))
}
