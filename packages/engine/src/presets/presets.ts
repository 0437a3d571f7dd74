import { checkRecipe } from '../recipe/parse.ts'
import type { Recipe, RecipeInput } from '../recipe/recipe.ts'
import { unknownName } from '../registry/methods.ts'

/** A recipe that comes with the program; the calibration text is the user's. */
export interface Preset {
  readonly name: string
  readonly title: string
  readonly recipe: RecipeInput
}

const asymmetric = { groupSize: 64, symmetric: false } as const
const calibration = { samples: 128, length: 512 } as const

/** AWQ moves scales into the preceding layer; GPTQ finds the ranges itself, so that AWQ's clipping would be a second cut. */
const awqThenGptq = (bits: number): RecipeInput['steps'] => [
  { method: 'awq', clip: false },
  { method: 'gptq', bits, ...asymmetric },
]

/** Blocks of 32 with 16-bit scales, as GGUF has them: the file holds the codes that GPTQ chose. */
const forGguf = (type: string): RecipeInput => ({
  version: 1,
  steps: [{ method: 'gptq' }],
  calibration,
  output: { format: `gguf:${type}` },
})

export const presets: readonly Preset[] = [
  {
    name: 'balanced',
    title: 'AWQ scales, then GPTQ: 4 bits, groups of 64 with a zero point (4.31 bits a weight)',
    recipe: { version: 1, steps: awqThenGptq(4), calibration },
  },
  {
    name: 'fast',
    title: 'Rounding to 4 bits, no text needed (4.31 bits a weight)',
    recipe: { version: 1, steps: [{ method: 'rtn', bits: 4, range: 'mse', ...asymmetric }] },
  },
  {
    name: 'small',
    title: 'AWQ scales, then GPTQ: 3 bits, groups of 64 with a zero point (3.3 bits a weight)',
    recipe: { version: 1, steps: awqThenGptq(3), calibration },
  },
  {
    name: 'sparse',
    title: 'SparseGPT: half of the weights become zero',
    recipe: { version: 1, steps: [{ method: 'sparsegpt', sparsity: 0.5 }], calibration },
  },
  { name: 'q4_0', title: 'GPTQ into GGUF Q4_0 for llama.cpp (4.5 bits a weight)', recipe: forGguf('Q4_0') },
  { name: 'q4_1', title: 'GPTQ into GGUF Q4_1 for llama.cpp (5 bits a weight)', recipe: forGguf('Q4_1') },
]

/** @throws SinterError `unknown-name` with the nearest name */
export function findPreset(name: string): Recipe {
  const preset = presets.find(candidate => candidate.name === name)
  if (preset) return checkRecipe(preset.recipe)
  throw unknownName(
    'preset',
    name,
    presets.map(candidate => candidate.name),
  )
}
