import type * as vscode from 'vscode'

/** What starting cost; the workbench's tests read it. */
export interface Started {
  readonly milliseconds: number
  /** Of the process's processor time: a busy machine changes it less. */
  readonly processorMilliseconds: number
}

/**
 * Waits only for what registers something; each part loads when it is first imported, and none of them starts the engine.
 * Commands exist when this has ended: the workbench holds back a call until then.
 */
export async function activate(context: vscode.ExtensionContext): Promise<Started> {
  const began = performance.now()
  const cpuBegan = process.cpuUsage()
  const [engine, client, recipes, viewer, runs, diagnostics, pending] = await Promise.all([
    import('./host/engine.ts'),
    import('./engine-client/services.ts'),
    import('./host/recipes/register.ts'),
    import('./host/viewer/register.ts'),
    import('./host/runs-skeleton.ts'),
    import('./host/copy-diagnostics.ts'),
    import('./host/pending.ts'),
  ])
  const connection = engine.hostEngine(context)
  const reader = client.engineModelReader(connection)
  viewer.registerModelViewers(context, async () => reader)
  context.subscriptions.push(
    recipes.registerRecipes(client.engineRecipeService(connection)),
    runs.registerRuns(),
    diagnostics.registerDiagnostics(context),
    pending.registerPending(),
  )
  const { user, system } = process.cpuUsage(cpuBegan)
  return { milliseconds: performance.now() - began, processorMilliseconds: (user + system) / 1000 }
}
