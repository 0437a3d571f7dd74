import { z } from 'zod'
import { parseFormat } from '../registry/formats.ts'
import type { Recipe } from './recipe.ts'

/** Globs on canonical names (`mlp.*`) or on the checkpoint's (`model.layers.0.*`). */
const globs = z.array(z.string().min(1)).min(1)

// A million samples is a thousand times what any paper uses; the ceilings catch slips of the keyboard.
const count = (max: number) => z.int().min(1).max(max)
const million = 1_000_000

const target = {
  targets: globs
    .describe(
      'Which matrices: globs on names inside a block (self_attn.q_proj, mlp.*) or in the checkpoint; ' +
        '!glob takes some out again. Default: every linear layer.',
    )
    .optional(),
  blocks: z
    .string()
    .regex(/^\s*\d+\s*(-\s*\d+\s*)?(,\s*\d+\s*(-\s*\d+\s*)?)*$/, 'expected block numbers such as 0-3,7')
    .describe('Which blocks, counted from 0: 0-3,7. Default: all.')
    .optional(),
}

const calibration = z.strictObject({
  text: z.string().min(1).describe('Text file, relative to the recipe.').optional(),
  samples: count(million).default(128).describe('Sequences, taken from the start of the text.'),
  length: count(million).default(512).describe('Tokens of a sequence.'),
})

/** A container and a type that can be written. */
export const formatSchema: z.ZodType<string, string> = z.string().superRefine((text, context) => {
  try {
    parseFormat(text)
  } catch (error) {
    context.addIssue({ code: 'custom', message: (error as Error).message })
  }
})

const output = z.strictObject({
  format: formatSchema.default('hf').describe('hf, or gguf with the type of the compressed matrices: gguf:Q4_0.'),
  dtype: z
    .enum(['keep', 'f32', 'f16', 'bf16'])
    .describe('Type of dense tensors in a Hugging Face folder; keep: as they were.')
    .optional(),
})

const evaluate = z.strictObject({
  text: z.string().min(1).describe('Text file, relative to the recipe.').optional(),
  windows: count(million).default(10).describe('Windows that are scored, from the start of the text.'),
  length: z.int().min(3).max(million).default(1024).describe('Tokens of a window.'),
  prompts: z.array(z.string().min(1)).max(16).describe('Texts that both models continue in the report.').optional(),
})

const fields = {
  // Editors are told which schema to use by this key.
  $schema: z.string().optional(),
  version: z.literal(1).describe('Version of the recipe format.'),
  model: z.string().min(1).describe('Folder, .safetensors or .gguf, relative to the recipe.').optional(),
  steps: z
    .array(z.looseObject({ method: z.string().min(1), ...target }))
    .min(1)
    .describe('What happens to the matrices, in order.'),
  protect: globs.describe('Matrices that stay as they are, whatever the steps say.').optional(),
  calibration: calibration.optional(),
  propagate: z
    .enum(['compressed', 'original'])
    .optional()
    .describe(
      'What later layers are calibrated on: outputs of the compressed layers, or of the original ones. Default: compressed, ' +
        'unless only transforms look at activations.',
    ),
  output: output.optional(),
  evaluate: evaluate.optional(),
  seed: z.int().min(0).default(0).describe('Of everything that is drawn at random.'),
}

export const recipeFields: Readonly<Record<string, z.ZodType>> = fields

/** Which tensors a step takes: fields of every step, beside the method's own options. */
export const targetFields: Readonly<Record<string, z.ZodType>> = target

export const recipeSchema: z.ZodType<Recipe> = z.strictObject(fields)
