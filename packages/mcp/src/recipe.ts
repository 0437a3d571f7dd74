import { checkRecipe, findPreset, type Recipe, type RecipeInput } from '@sinter/engine'
import { z } from 'zod'
import type { Places } from './places.ts'

export const path = (what: string): z.ZodString => z.string().min(1).max(4096).describe(what)

/** What `plan`, `estimate` and `run` are asked for. */
export const job: {
  readonly model: z.ZodString
  readonly recipe: z.ZodUnion<readonly [z.ZodString, z.ZodRecord<z.ZodString, z.ZodUnknown>]>
  readonly calibration: z.ZodOptional<z.ZodString>
  readonly format: z.ZodOptional<z.ZodString>
  readonly evaluate: z.ZodOptional<z.ZodString>
} = {
  model: path('The model: a Hugging Face folder, a .safetensors or a .gguf file.'),
  recipe: z
    .union([z.string().min(1).max(200), z.record(z.string(), z.unknown())])
    .describe(
      'A preset by name, such as "balanced" (explain lists them), or a recipe: {"version": 1, "steps": [{"method": "gptq", "bits": 4}], ' +
        '"output": {"format": "gguf:Q4_0"}}.',
    ),
  calibration: path('A text file of what the model is meant for; methods that look at text need one.').optional(),
  format: z
    .string()
    .max(100)
    .optional()
    .describe('Of the result, such as gguf:Q4_K_M, onnx:q4, hf. Default: the recipe’s.'),
  evaluate: path('A text file to score the result on: perplexity and KL divergence.').optional(),
}

export interface Job {
  readonly model: string
  readonly recipe: string | Readonly<Record<string, unknown>>
  readonly calibration?: string | undefined
  readonly format?: string | undefined
  readonly evaluate?: string | undefined
}

/** The recipe with its files where the server may read them. @throws SinterError */
export async function recipeOf({ recipe, calibration, format, evaluate }: Job, places: Places): Promise<Recipe> {
  const given: RecipeInput = typeof recipe === 'string' ? findPreset(recipe) : (recipe as unknown as RecipeInput)
  const checked = checkRecipe({
    ...given,
    ...(format !== undefined && { output: { ...given.output, format } }),
    ...(calibration !== undefined && { calibration: { ...given.calibration, text: calibration } }),
    ...(evaluate !== undefined && { evaluate: { ...given.evaluate, text: evaluate } }),
  })
  const texts = { calibration: checked.calibration?.text, evaluate: checked.evaluate?.text }
  return {
    ...checked,
    ...(texts.calibration !== undefined && {
      calibration: { ...checked.calibration!, text: await places.existing(texts.calibration) },
    }),
    ...(texts.evaluate !== undefined && {
      evaluate: { ...checked.evaluate!, text: await places.existing(texts.evaluate) },
    }),
  }
}
