import * as vscode from 'vscode'
import type { RecipeService } from '../../shared/recipe-checker.ts'
import { registerCompressCommand } from './compress-command.ts'
import { markRecipes } from './diagnostics.ts'
import { offerFixes } from './fixes.ts'
import { offerLenses } from './lenses.ts'
import { registerPlanCommands } from './plan-commands.ts'

/** Everything of recipes in the editor, given someone who answers for the engine. */
export function registerRecipes(service: RecipeService): vscode.Disposable {
  const marks = markRecipes(service)
  return vscode.Disposable.from(
    marks,
    offerFixes(marks),
    offerLenses(),
    registerPlanCommands(service),
    registerCompressCommand(service),
  )
}
