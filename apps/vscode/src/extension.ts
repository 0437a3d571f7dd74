import type * as vscode from 'vscode'

/** What starting cost, from the first line of the bundle to the last registration; the workbench's tests read it. */
export interface Started {
  readonly milliseconds: number
  /** Of the processor: the same on a busy machine. */
  readonly processorMilliseconds: number
}

const began = performance.now()
const cpuBegan = process.cpuUsage()

/**
 * Waits only for what registers something; each part loads when it is first imported, and none of them starts the engine.
 * Commands exist when this has ended: the workbench holds back a call until then.
 */
export async function activate(context: vscode.ExtensionContext): Promise<Started> {
  const [{ recipeProcess }, { registerRecipes }, { registerRuns }, { registerDiagnostics }, { registerPending }] =
    await Promise.all([
      import('./host/recipes/recipe-process.ts'),
      import('./host/recipes/register.ts'),
      import('./host/runs-skeleton.ts'),
      import('./host/copy-diagnostics.ts'),
      import('./host/pending.ts'),
    ])
  const service = recipeProcess(context.asAbsolutePath('dist/recipe.mjs'))
  context.subscriptions.push(
    service,
    registerRecipes(service),
    registerRuns(),
    registerDiagnostics(context),
    registerPending(),
  )
  const { user, system } = process.cpuUsage(cpuBegan)
  return { milliseconds: performance.now() - began, processorMilliseconds: (user + system) / 1000 }
}
