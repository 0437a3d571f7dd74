import * as vscode from 'vscode'
import { clientOf, engineModelReader, engineRecipeService } from './engine-client/index.ts'
import { registerRecipeForm } from './host/form/register.ts'
import { registerRecipes } from './host/recipes/register.ts'
import { registerReport } from './host/report/register.ts'
import { registerRuns } from './host/runs/register.ts'
import { registerTasks } from './host/tasks/register.ts'
import { registerModelViewers } from './host/viewer/register.ts'
import { startEngineWorker } from './host/web/engine-worker.ts'
import { watchEngineRuns } from './host/web/watch-runs.ts'

/** The extension where there is no Node: the engine runs in a worker, started by the first question. */
export function activate(context: vscode.ExtensionContext): void {
  const log = vscode.window.createOutputChannel('Sinter', { log: true })
  const client = clientOf(() => startEngineWorker(context.extensionUri), {
    onState: state => log.info(`engine: ${state}`),
    holdsRuns: true,
  })
  const reader = engineModelReader(client)
  registerModelViewers(context, async () => reader)
  const runs = registerRuns(client, watchEngineRuns(client))
  context.subscriptions.push(
    log,
    registerRecipes(engineRecipeService(client)),
    registerRecipeForm(context, client),
    runs,
    registerReport(context, client, runs.runs),
    registerTasks(client, runs.runs),
    { dispose: () => void client.dispose() },
  )
  refuseTheRest(context)
}

/** Commands of the manifest that need files of a machine or processes say so. */
function refuseTheRest({ extension, subscriptions }: vscode.ExtensionContext): void {
  const { contributes } = extension.packageJSON as { contributes: { commands: readonly { command: string }[] } }
  for (const { command } of contributes.commands)
    try {
      subscriptions.push(
        vscode.commands.registerCommand(command, () =>
          vscode.window.showInformationMessage(
            vscode.l10n.t('This needs the extension on a computer; on the web it is not there.'),
          ),
        ),
      )
    } catch {
      // It is there.
    }
}
