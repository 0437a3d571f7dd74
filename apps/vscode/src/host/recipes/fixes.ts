import * as vscode from 'vscode'
import type { RecipeFix } from '../../shared/recipe-checker.ts'
import type { RecipeMark, RecipeMarks } from './diagnostics.ts'
import { recipeSelector } from './selector.ts'

/** The light bulb beside a mark. */
export function offerFixes(marks: RecipeMarks): vscode.Disposable {
  const provider: vscode.CodeActionProvider = {
    provideCodeActions: (document, range) =>
      marks
        .of(document)
        .filter(({ mark, version }) => version === document.version && mark.range.intersection(range))
        .flatMap(mark => mark.found.fixes.map((fix, i) => actionOf(document, mark, fix, i === 0))),
  }
  return vscode.languages.registerCodeActionsProvider(recipeSelector, provider, {
    providedCodeActionKinds: [vscode.CodeActionKind.QuickFix],
  })
}

function actionOf(document: vscode.TextDocument, { mark }: RecipeMark, fix: RecipeFix, preferred: boolean) {
  const action = new vscode.CodeAction(fix.title, vscode.CodeActionKind.QuickFix)
  action.diagnostics = [mark]
  action.isPreferred = preferred
  action.edit = new vscode.WorkspaceEdit()
  for (const { offset, length, text } of fix.edits) {
    const range = new vscode.Range(document.positionAt(offset), document.positionAt(offset + length))
    action.edit.replace(document.uri, range, text)
  }
  return action
}
