import type { RecipeInput } from '@sinter/engine'

export interface DemoRecipe {
  readonly name: string
  /** Name of the result in the demo's folder. */
  readonly file: string
  readonly steps: RecipeInput['steps']
  readonly format: string
}

/** Two that one would use, and one to see what happens without care. */
export const demoRecipes: readonly DemoRecipe[] = [
  { name: 'GPTQ, 4 bits', file: 'gptq-4bit.gguf', steps: [{ method: 'gptq' }], format: 'gguf:Q4_0' },
  {
    name: 'SparseGPT 50 %, 4 bits',
    file: 'sparse-4bit',
    steps: [{ method: 'sparsegpt', sparsity: 0.5, bits: 4, groupSize: 64 }],
    format: 'hf',
  },
  {
    name: 'rounding, 2 bits',
    file: 'rounded-2bit',
    // One scale for a whole matrix: the crudest grid there is.
    steps: [{ method: 'rtn', bits: 2, groupSize: 0, symmetric: false }],
    format: 'hf',
  },
]
