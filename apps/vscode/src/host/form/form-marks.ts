import * as vscode from 'vscode'
import type { FormMark } from '../../shared/form-messages.ts'
import { pathAt, readRecipe } from './read-recipe.ts'

/** More are not read by anybody. */
const MOST = 200

const severities: Readonly<Record<vscode.DiagnosticSeverity, FormMark['severity']>> = {
  [vscode.DiagnosticSeverity.Error]: 'error',
  [vscode.DiagnosticSeverity.Warning]: 'warning',
  [vscode.DiagnosticSeverity.Information]: 'information',
  [vscode.DiagnosticSeverity.Hint]: 'information',
}

/** What the engine says of a recipe, by the value that it is said of. The editor's own checker says the same again, without the model. */
export function formMarks(document: vscode.TextDocument): readonly FormMark[] {
  const { tree } = readRecipe(document.getText())
  if (!tree) return []
  return vscode.languages
    .getDiagnostics(document.uri)
    .filter(({ source }) => source === 'sinter')
    .slice(0, MOST)
    .map(({ range, severity, message }) => ({
      path: pathAt(tree, document.offsetAt(range.start)),
      severity: severities[severity],
      message,
    }))
}
