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
  const [
    { registerEngine },
    { registerRecipes },
    { registerRecipeForm },
    { registerModelViewers },
    { registerRuns },
    { registerReport },
    { registerTryIt },
    { registerExport },
    { registerAssistants },
    { registerTasks },
    { registerDiagnostics },
  ] = await Promise.all([
    import('./host/engine/register.ts'),
    import('./host/recipes/register.ts'),
    import('./host/form/register.ts'),
    import('./host/viewer/register.ts'),
    import('./host/runs/register.ts'),
    import('./host/report/register.ts'),
    import('./host/try/register.ts'),
    import('./host/export/register.ts'),
    import('./host/assistants/register.ts'),
    import('./host/tasks/register.ts'),
    import('./host/copy-diagnostics.ts'),
  ])
  const engine = registerEngine(context)
  registerModelViewers(context, async () => engine.reader)
  const runs = registerRuns(engine.client)
  context.subscriptions.push(
    engine,
    registerRecipes(engine.recipes),
    registerRecipeForm(context, engine.client),
    runs,
    registerReport(context, engine.client, runs.runs),
    registerTryIt(context, engine.client, runs.runs),
    registerExport(engine.client, runs.runs),
    registerAssistants(engine.client, runs.runs),
    registerTasks(engine.client, runs.runs),
    registerDiagnostics(context),
  )
  const { user, system } = process.cpuUsage(cpuBegan)
  return { milliseconds: performance.now() - began, processorMilliseconds: (user + system) / 1000 }
}
