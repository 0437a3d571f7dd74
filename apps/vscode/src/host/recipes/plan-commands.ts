import { basename } from 'node:path'
import * as vscode from 'vscode'
import type { RecipeService } from '../../shared/recipe-checker.ts'
import { showBytes, showDuration } from '../../shared/units.ts'
import { limitsOf } from '../limits.ts'
import { pathOf } from '../paths.ts'
import { recipeOf, tellNoRecipe } from './recipe-of.ts'

const SCHEME = 'sinter-plan'

/** *Show Plan* opens the table as a read-only text; *Estimate* says its last lines. */
export function registerPlanCommands(service: RecipeService): vscode.Disposable {
  const changed = new vscode.EventEmitter<vscode.Uri>()
  const texts = new Map<string, string>()
  return vscode.Disposable.from(
    changed,
    vscode.workspace.registerTextDocumentContentProvider(SCHEME, {
      onDidChange: changed.event,
      provideTextDocumentContent: ({ path }) => texts.get(path) ?? '',
    }),
    vscode.commands.registerCommand('sinter.plan', async (uri?: vscode.Uri) => {
      const facts = await planOf(service, uri)
      if (!facts) return
      const place = vscode.Uri.from({ scheme: SCHEME, path: `${facts.path}.plan.txt` })
      texts.set(place.path, facts.text)
      changed.fire(place)
      await vscode.window.showTextDocument(place, { viewColumn: vscode.ViewColumn.Beside, preview: true })
    }),
    vscode.commands.registerCommand('sinter.estimate', async (uri?: vscode.Uri) => {
      const facts = await planOf(service, uri)
      if (facts)
        void vscode.window.showInformationMessage(
          vscode.l10n.t('{name}: about {time}, {memory} of memory, {disk} of disk; the result has {size}.', {
            name: basename(facts.path),
            time: showDuration(facts.seconds),
            memory: showBytes(facts.memoryBytes),
            disk: showBytes(facts.diskBytes),
            size: showBytes(facts.outputBytes),
          }),
        )
    }),
  )
}

async function planOf(service: RecipeService, uri: vscode.Uri | undefined) {
  const document = await recipeOf(uri)
  if (!document) {
    void tellNoRecipe()
    return undefined
  }
  const path = pathOf(document.uri)
  try {
    const plan = service.plan(document.getText(), path, limitsOf(document.uri))
    return { path, ...(await withProgress(vscode.l10n.t('Planning {0}', basename(path)), plan)) }
  } catch (error) {
    void vscode.window.showErrorMessage((error as Error).message)
    return undefined
  }
}

const withProgress = <T>(title: string, work: Promise<T>): Thenable<T> =>
  vscode.window.withProgress({ location: vscode.ProgressLocation.Window, title }, () => work)
