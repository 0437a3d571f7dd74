import { basename, dirname, join, resolve } from 'node:path'
import { type Diagnostic, diagnoseRecipe, outputPath, type Plan, RunError, resolvePlan } from '@sinter/engine'
import { FormatError, openModel, SinterError } from '@sinter/model'
import type { RecipeParams } from '../../shared/protocol.ts'

/** What a recipe would do, or why it cannot. */
export interface Prepared {
  readonly diagnostics: readonly Diagnostic[]
  readonly planned?: { readonly plan: Plan; readonly out: string } | undefined
}

/**
 * From the text of a recipe to its plan. What is wrong with the text or with what it names becomes diagnostics; only what nobody
 * foresaw is thrown.
 */
export async function prepareRecipe(params: RecipeParams): Promise<Prepared> {
  const { recipe, diagnostics, place } = diagnoseRecipe(params.text, params.path)
  if (!recipe) return { diagnostics }
  const path = params.model ?? recipe.model
  if (path === undefined) return { diagnostics: [noModel] }
  const out = resolve(params.out ?? defaultOut(params.path))
  try {
    const model = await openModel(path)
    try {
      const { threads, memory: memoryBudget } = params
      const plan = await resolvePlan(model, recipe, { out, threads, memoryBudget })
      return {
        diagnostics: plan.warnings.map(message => ({ severity: 'warning', path: '', line: 1, message })),
        planned: { plan, out: outputPath(out, plan.output) },
      }
    } finally {
      await model.close()
    }
  } catch (error) {
    if (error instanceof SinterError) return { diagnostics: [place(error)] }
    if (error instanceof FormatError || error instanceof RunError)
      return { diagnostics: [place(aboutModel(error, out))] }
    throw error
  }
}

/** Files that cannot be read are the model's, those that cannot be written the output's. */
const aboutModel = (error: FormatError | RunError, out: string): SinterError =>
  new SinterError('output', error.message, {
    cause: error,
    place: { path: error.code === 'output' || error.message.startsWith(out) ? ['output'] : ['model'] },
  })

const noModel: Diagnostic = {
  severity: 'error',
  path: 'model',
  line: 1,
  message: 'which model? Name its folder or file: "model": "./model"',
}

/** `recipes/small.sinter.jsonc` makes `recipes/small`. */
export function defaultOut(path: string): string {
  const name = basename(path).replace(/(\.sinter)?\.(jsonc?|ya?ml)$/, '')
  return join(dirname(resolve(path)), name === basename(path) ? `${name}-compressed` : name)
}
