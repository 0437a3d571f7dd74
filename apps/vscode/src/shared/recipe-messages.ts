import { array, type Guard, number, object, oneOf, optional, text, whole } from './guard.ts'
import { message, path } from './model-messages.ts'
import type { Limits, NamedRecipe, PlanFacts, RecipeDiagnostic, RecipeFix, TextEdit } from './recipe-checker.ts'

/** A recipe as an editor has it, saved or not. */
export interface RecipeText {
  readonly text: string
  /** Of its file. */
  readonly path: string
}

const recipeText = { text: text(2 ** 22), path }

export const recipeParams: Guard<RecipeText> = object(recipeText)

export const limits: {
  readonly threads: Guard<number | undefined>
  readonly memory: Guard<number | undefined>
} = { threads: optional(whole(1, 1024)), memory: optional(whole(1, Number.MAX_SAFE_INTEGER)) }

export const recipePlanParams: Guard<RecipeText & Limits> = object({ ...recipeText, ...limits })

export interface CheckResult {
  readonly diagnostics: readonly RecipeDiagnostic[]
}

const edit: Guard<TextEdit> = object({ offset: number, length: number, text: message })
const fix: Guard<RecipeFix> = object({ title: message, edits: array(edit, 1000) })

export const checkResult: Guard<CheckResult> = object({
  diagnostics: array(
    object<RecipeDiagnostic>({
      offset: number,
      length: number,
      severity: oneOf('error', 'warning', 'information'),
      code: text(1000),
      message,
      fixes: array(fix, 1000),
    }),
    2 ** 16,
  ),
})

export const planFacts: Guard<PlanFacts> = object({
  text: text(2 ** 26),
  seconds: number,
  memoryBytes: number,
  outputBytes: number,
  diskBytes: number,
})

export interface PresetsResult {
  readonly presets: readonly NamedRecipe[]
}

export const presetsResult: Guard<PresetsResult> = object({
  presets: array(object<NamedRecipe>({ name: text(1000), title: message, text: message }), 1000),
})
