/** One step as written: a method, where it applies, and the method's options, checked by the method's own schema. */
export interface RecipeStep {
  readonly method: string
  /** Globs on canonical names or on the checkpoint's; `!glob` takes some out again. */
  readonly targets?: readonly string[] | undefined
  /** `0-3,7` */
  readonly blocks?: string | undefined
  readonly [option: string]: unknown
}

export interface CalibrationRecipe {
  /** A path. Presets leave it out: then it is given with the run. */
  readonly text?: string | undefined
  readonly samples: number
  /** Tokens of a sample. */
  readonly length: number
}

export interface EvaluationRecipe {
  readonly text?: string | undefined
  readonly windows: number
  /** Tokens of a window. */
  readonly length: number
  /** Texts that both models continue in the report. */
  readonly prompts?: readonly string[] | undefined
}

export interface OutputRecipe {
  /** `hf`, `gguf:Q4_0` … */
  readonly format: string
  readonly dtype?: 'keep' | 'f32' | 'f16' | 'bf16' | undefined
}

/** What the user wants done, with the defaults filled in; options of steps are kept as written. */
export interface Recipe {
  readonly version: 1
  readonly model?: string | undefined
  readonly steps: readonly RecipeStep[]
  readonly protect?: readonly string[] | undefined
  readonly calibration?: CalibrationRecipe | undefined
  readonly propagate?: 'compressed' | 'original' | undefined
  readonly output?: OutputRecipe | undefined
  readonly evaluate?: EvaluationRecipe | undefined
  readonly seed: number
}

/** A recipe as written: what has a default may be left out. */
export interface RecipeInput
  extends Partial<Omit<Recipe, 'version' | 'steps' | 'calibration' | 'output' | 'evaluate'>> {
  readonly version: 1
  readonly steps: readonly RecipeStep[]
  readonly calibration?: Partial<CalibrationRecipe> | undefined
  readonly output?: Partial<OutputRecipe> | undefined
  readonly evaluate?: Partial<EvaluationRecipe> | undefined
}
