/** One replacement in a text; offsets and lengths count UTF-16 units, as strings do. */
export interface TextEdit {
  readonly offset: number
  readonly length: number
  readonly text: string
}

export interface RecipeFix {
  readonly title: string
  readonly edits: readonly TextEdit[]
}

export interface RecipeDiagnostic {
  readonly offset: number
  readonly length: number
  readonly severity: 'error' | 'warning' | 'information'
  /** What was wrong, for programs: `recipe`, `rule`, `group-size` … */
  readonly code: string
  readonly message: string
  /** The first is the preferred one. */
  readonly fixes: readonly RecipeFix[]
}

/** What is wrong with a recipe, seen by the program that will run it. */
export interface RecipeChecker {
  /** @param path of the recipe's file; the model and the texts that it names lie relative to it */
  check(text: string, path: string): Promise<readonly RecipeDiagnostic[]>
}

/** What a run may take. */
export interface Limits {
  readonly threads?: number | undefined
  /** Bytes that it should stay below. */
  readonly memory?: number | undefined
}

export interface PlanFacts {
  /** The table, as the command line prints it. */
  readonly text: string
  readonly seconds: number
  readonly memoryBytes: number
  readonly outputBytes: number
  readonly diskBytes: number
}

export interface NamedRecipe {
  readonly name: string
  readonly title: string
  /** JSON with comments; the model is left to the user. */
  readonly text: string
}

/** All that the recipe editor asks of the engine. */
export interface RecipeService extends RecipeChecker {
  /** @throws Error with the engine's message when the recipe does not fit */
  plan(text: string, path: string, limits: Limits): Promise<PlanFacts>
  presets(): Promise<readonly NamedRecipe[]>
}
