import * as vscode from 'vscode'
import { isVirtual } from '../virtual.ts'
import { recipeSelector } from './selector.ts'

/** *Plan · Run · Estimate* above a recipe; in Restricted Mode and without a disk nothing runs, so *Run* is not offered. */
export function offerLenses(): vscode.Disposable {
  const provider: vscode.CodeLensProvider = {
    onDidChangeCodeLenses: vscode.workspace.onDidGrantWorkspaceTrust,
    provideCodeLenses: ({ uri }) => {
      const lens = (title: string, command: string) =>
        new vscode.CodeLens(new vscode.Range(0, 0, 0, 0), { title, command, arguments: [uri] })
      return [
        lens(vscode.l10n.t('Plan'), 'sinter.plan'),
        ...(vscode.workspace.isTrusted && !isVirtual() ? [lens(vscode.l10n.t('Run'), 'sinter.run')] : []),
        lens(vscode.l10n.t('Estimate'), 'sinter.estimate'),
      ]
    },
  }
  return vscode.languages.registerCodeLensProvider(recipeSelector, provider)
}
