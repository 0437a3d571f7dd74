import {
  type Complaint,
  checkRecipe,
  checkSpace,
  outputPath,
  type Recipe,
  type RecipeInput,
  recipeComplaints,
} from '@sinter/engine'
import { getNodeValue, type Node, type ParseError, parseTree } from 'jsonc-parser'
import type { RecipeChecker, RecipeDiagnostic, RecipeFix } from '../shared/recipe-checker.ts'
import { groupDiagnostics } from './group-diagnostics.ts'
import { planRecipe } from './plan-recipe.ts'
import { type Path, pathKeySpan, valueSpan } from './recipe-place.ts'
import { ruleDiagnostic } from './rule-diagnostics.ts'
import { defaultOut } from './run/prepare-recipe.ts'

/** A recipe as text and as a tree that knows where its values stand. */
export interface RecipeSource {
  readonly text: string
  readonly tree: Node
}

/** As large as the engine reads. */
const MAX_CHARACTERS = 2 ** 20

/** The engine's own reading and planning, as marks in the text. What is no JSON is left to the editor's own checker. */
export const recipeChecker: RecipeChecker = {
  async check(text, path) {
    const source = parse(text)
    if (!source) return []
    const value: unknown = getNodeValue(source.tree)
    const complaints = recipeComplaints(value)
    if (complaints.length > 0) return complaints.map(complaint => complaintDiagnostic(source, complaint))
    return planDiagnostics(source, checkRecipe(value as RecipeInput), path)
  },
}

function parse(text: string): RecipeSource | undefined {
  if (text.length > MAX_CHARACTERS) return undefined
  const errors: ParseError[] = []
  const tree = parseTree(text, errors, { allowTrailingComma: true })
  return tree && errors.length === 0 ? { text, tree } : undefined
}

function complaintDiagnostic({ tree }: RecipeSource, { path, message, instead }: Complaint): RecipeDiagnostic {
  const place = path as Path
  // Only of an unknown key is the key itself what is wrong.
  const at = message.startsWith('unknown key') ? pathKeySpan(tree, place) : valueSpan(tree, place)
  const fixes: RecipeFix[] = instead
    ? [{ title: `Change to ${JSON.stringify(instead.name)}`, edits: [{ ...at, text: JSON.stringify(instead.name) }] }]
    : []
  return { ...at, severity: 'error', code: 'recipe', message, fixes }
}

/** What only shows when the recipe meets the model that it names. */
async function planDiagnostics(source: RecipeSource, recipe: Recipe, path: string): Promise<RecipeDiagnostic[]> {
  if (recipe.model === undefined) return []
  try {
    const plan = await planRecipe(recipe, path)
    // That a result is there already is said when it is to run: every recipe that has run would be marked.
    await checkSpace(outputPath(defaultOut(path), plan.output), plan.estimate.diskBytes)
    return groupDiagnostics(source, plan)
  } catch (error) {
    return [ruleDiagnostic(source, error)]
  }
}
