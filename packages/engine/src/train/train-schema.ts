import { averagingSchema, type Schedule, scheduleSchema } from '@sinter/model'
import { z } from 'zod'
import { formatSchema } from '../recipe/schema.ts'
import { featuresSchema, teacherSchema } from './teacher-recipe.ts'
import type { TrainRecipe } from './train-recipe.ts'

// A million of anything is more than any run here can do; the ceilings catch slips of the keyboard.
const count = (max = 1_000_000) => z.int().min(1).max(max)

const data = z.strictObject({
  path: z.string().min(1).describe('A file, a folder, or - for standard input; relative to the recipe.'),
  format: z
    .enum(['text', 'jsonl', 'chat', 'prompt-completion'])
    .optional()
    .describe('Default: by the name and first line of each file.'),
  separator: z.string().optional().describe('Text: the line between two documents.'),
  textField: z.string().min(1).optional().describe('Default: text.'),
  promptField: z.string().min(1).optional().describe('Default: prompt.'),
  completionField: z.string().min(1).optional().describe('Default: completion.'),
  skipEmpty: z.boolean().optional().describe('Leave documents out that have nothing to learn.'),
  length: z.int().min(2).max(131072).default(512).describe('Tokens of a row.'),
  packing: z.boolean().default(true).describe('Several documents in a row; attention stays in its own.'),
  heldOut: z
    .number()
    .min(0)
    .lt(1)
    .default(0.02)
    .describe('Share of the documents that the loss is looked at on; 0: none.'),
  heldOutRows: count(10_000).default(32).describe('Rows of them at most.'),
})

const named = z.looseObject({ name: z.string().min(1) })

const fields = {
  // Editors are told which schema to use by this key.
  $schema: z.string().optional(),
  version: z.literal(1).describe('Version of the recipe format.'),
  model: z
    .string()
    .min(1)
    .optional()
    .describe('What is trained: folder, .safetensors or .gguf, relative to the recipe.'),
  method: named.describe('What moves: a training method and its options.'),
  backbone: z
    .looseObject({ method: z.string().min(1) })
    .optional()
    .describe('Rounds the frozen matrices first, by a method that needs no data: { method: nf4 } under lora is QLoRA.'),
  teacher: teacherSchema
    .optional()
    .describe(
      'Who is learnt from, with the same tokenizer: a model, several, or one that is asked beforehand: { model, cache } or a ' +
        'server, { url, name, style, cache }. Paths are relative to the recipe.',
    ),
  loss: z.looseObject({}).optional().describe('How to learn from the teacher.'),
  features: featuresSchema.optional().describe('What is compared inside student and teacher, one model, besides.'),
  data: data.describe('What is trained on.'),
  optimizer: named.default({ name: 'adamw' }).describe('And its options.'),
  learningRate: z.number().positive().max(10).default(1e-4).describe('The full rate.'),
  schedule: scheduleSchema
    .default({ name: 'cosine', warmup: 0.03, cycles: 0.5, minimum: 0 } as Schedule)
    .describe('How the rate goes over the run.'),
  steps: count().optional().describe('Optimizer steps; or give epochs.'),
  epochs: z.number().positive().max(1000).optional().describe('Times that all rows are read; or give steps.'),
  batch: count(4096).default(8).describe('Rows of a forward pass.'),
  accumulate: count(4096).default(1).describe('Forward passes of a step.'),
  clip: z.number().min(0).default(1).describe('Largest norm of all gradients; 0: not clipped.'),
  evaluateEvery: count().optional().describe('Steps between looks at the held-out loss. Default: a tenth of the run.'),
  patience: count().optional().describe('Looks without a lower held-out loss after which training ends.'),
  saveEvery: count().optional().describe('Steps between checkpoints. Default: a twentieth of the run.'),
  average: averagingSchema
    .optional()
    .describe('Write an average of the parameters over steps; default: the last ones.'),
  frozen: z
    .enum(['memory', 'disk'])
    .default('memory')
    .describe('Where frozen tensors are between passes; disk: read again by each, for models larger than the memory.'),
  pagedOptimizer: z
    .boolean()
    .default(false)
    .describe('What the optimizer remembers lives on the disk, and is read and written once a step.'),
  seed: z.int().min(0).default(0).describe('Of everything that is drawn at random.'),
  output: z
    .strictObject({
      format: formatSchema.default('hf').describe('hf, hf:bf16, gguf:TYPE.'),
      adapterOnly: z
        .boolean()
        .default(false)
        .describe(
          'Only the adapter is written: as hf a folder for PEFT, as gguf:F32, F16 or BF16 a file for llama.cpp.',
        ),
    })
    .default({ format: 'hf', adapterOnly: false })
    .describe('What is written.'),
}

export const trainRecipeFields: Readonly<Record<string, z.ZodType>> = fields

export const trainRecipeSchema: z.ZodType<TrainRecipe> = z.strictObject(fields)
