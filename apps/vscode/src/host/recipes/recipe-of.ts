import * as vscode from 'vscode'
import { isRecipe } from './selector.ts'

/** The recipe that a command is about: the one it was given, or the one in front, as text or as a form. */
export async function recipeOf(given: vscode.Uri | undefined): Promise<vscode.TextDocument | undefined> {
  const shown = given ? undefined : vscode.window.activeTextEditor?.document
  const uri = given ?? (shown ? undefined : formInFront())
  const document = uri ? await vscode.workspace.openTextDocument(uri) : shown
  return document && isRecipe(document) ? document : undefined
}

function formInFront(): vscode.Uri | undefined {
  const input = vscode.window.tabGroups.activeTabGroup.activeTab?.input
  return input instanceof vscode.TabInputCustom && input.uri.path.endsWith('.sinter.jsonc') ? input.uri : undefined
}

export const tellNoRecipe = (): Thenable<unknown> =>
  vscode.window.showInformationMessage(vscode.l10n.t('Open a recipe (*.sinter.jsonc) first.'))
